//! Faults of disks, systems and files: none may change a result without a word, panic, hang or leave a run that
//! neither begins nor goes on. `cargo test` runs a bounded form, `.ci/campaign` a long one.

#[cfg(target_os = "linux")]
mod faults {
    mod chance;
    mod counts;
    mod size;

    mod program;
    mod run;
    mod shim;

    mod calls;
    mod flips;
    mod waits;

    mod child;
    mod formats;
    mod mutants;
    mod samples;
}
