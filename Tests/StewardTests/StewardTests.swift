// StewardTests
