//! The target of this name in the exporter's `fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| confluence_exporter::fuzzing::list_answers(input));
