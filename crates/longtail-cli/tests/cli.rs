//! The built program, driven in a temporary folder.

mod cli {
    mod program;

    mod bad_data;
    mod bad_settings;
    mod commands;
    mod devices;
    mod faults;
    mod pack;
    mod resume;
    mod train;
}
