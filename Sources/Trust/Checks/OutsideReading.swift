import Glibc
import Platform

/// The bytes of a file as an outsider reads them: by a process of its own.
///
/// Not in this process, for a reason: a file system forgets all locks that a process holds on a file as soon as the process closes any
/// descriptor of it (fcntl(2), "Advisory record locking"). Reading a database here would drop SQLite's locks under the open
/// connections, and the next program that opens it would take itself for the only one and cut the shared index.
enum OutsideReading {
  private static let program = "/usr/bin/cat"
  private static let piece = 1 << 20

  /// Hands the bytes to `body`, piece by piece. Throws `Hindered` if no process can be started; a file that has gone is empty.
  static func read(_ path: String, _ body: (ArraySlice<UInt8>) -> Void) throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw failure }
    ends.forEach { _ = fcntl($0, F_SETFD, FD_CLOEXEC) }
    let child: pid_t
    do { child = try start(path, output: ends[1]) } catch {
      ends.forEach { close($0) }
      throw error
    }
    close(ends[1])
    var buffer = [UInt8](repeating: 0, count: piece)
    while !Task.isCancelled {
      let count = Glibc.read(ends[0], &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      body(buffer[0..<count])
    }
    close(ends[0])
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    try Task.checkCancellation()
  }

  private static let failure = Hindered(reason: "No process of its own could be started to look at the files.")

  private static func start(_ path: String, output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    guard posix_spawn_file_actions_init(&actions) == 0 else { throw failure }
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), strdup("--"), strdup(path), nil]
    defer { arguments.forEach { free($0) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var child: pid_t = 0
    guard posix_spawn(&child, program, &actions, nil, &arguments, &environment) == 0 else { throw failure }
    return child
  }
}
