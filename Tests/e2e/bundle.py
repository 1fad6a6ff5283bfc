"""The container of docs/format.md §6, written a second time from the page alone, and changes of one bit in it."""

import io
import struct
import zipfile
import zlib

DOS_1980 = (0, 0x21)
UTF8 = 0x0800


def members(zip_bytes):
    """[(name, content)] in order."""
    with zipfile.ZipFile(io.BytesIO(zip_bytes)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def stored_zip(parts):
    """Method 0, no extra fields, no descriptors, no comments, fixed times, the directory right behind the last member."""
    body, directory = b"", b""
    for name, content in parts:
        encoded = name.encode()
        common = struct.pack("<HHHHHIII", 20, UTF8, 0, *DOS_1980, zlib.crc32(content), len(content), len(content))
        offset = len(body)
        body += b"PK\x03\x04" + common + struct.pack("<HH", len(encoded), 0) + encoded + content
        directory += (b"PK\x01\x02" + struct.pack("<H", 20) + common
                      + struct.pack("<HHHHHII", len(encoded), 0, 0, 0, 0, 0, offset) + encoded)
    end = struct.pack("<HHHHIIH", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


class BitFlips:
    """Copies of a bundle with one bit changed, chosen by `draw`."""

    def __init__(self, zip_bytes, draw):
        self.zip_bytes, self.parts, self.draw = zip_bytes, members(zip_bytes), draw

    def in_members(self, count):
        """In the content of a member, which keeps a right checksum: only cryptography can notice. Small members get their share."""
        for _ in range(count):
            chosen = self.draw.randrange(len(self.parts))
            name, content = self.parts[chosen]
            at = self.draw.randrange(len(content))
            parts = list(self.parts)
            parts[chosen] = (name, self.flip(content, at))
            yield f"{name} at {at}", stored_zip(parts)

    def in_container(self, count):
        """Anywhere in the file, headers and directory included."""
        for _ in range(count):
            at = self.draw.randrange(len(self.zip_bytes))
            yield at, self.flip(self.zip_bytes, at)

    def flip(self, content, at):
        return content[:at] + bytes([content[at] ^ 1 << self.draw.randrange(8)]) + content[at + 1:]
