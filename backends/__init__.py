"""Where answers come from: real engines, servers, recorded logs, tasks and their verifiers."""
