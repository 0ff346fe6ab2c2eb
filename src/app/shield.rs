//! Keeps other processes out of this one, in whose memory tokens stand. Where they come from is others' business.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on this process leaves no core file, and no other process of its user may trace it, read its memory, or see its
/// environment and its open files in `/proc`. Root still may.
pub(super) fn raise() -> io::Result<()> {
    let no_core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A core that the system hands to a program heeds no limit, but it heeds this.
    let no_look = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Ok(no_core.and(no_look)?)
}
