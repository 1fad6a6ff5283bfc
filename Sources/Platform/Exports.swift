// A module imports Platform and has the words that every module speaks.
@_exported import Kernel
@_exported import Ledger
@_exported import Storage
@_exported import TransparencyLog
@_exported import Web
