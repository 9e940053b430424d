"""The commands of `hatch-multiplat`, one a module, each thin over the core."""
