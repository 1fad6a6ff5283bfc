// Stands in for the target of this name: what the readers under test import of it, without a server.
@_exported import Kernel
@_exported import Web
