//! The built program, driven in a temporary folder.

mod cli {
    mod program;

    mod bad_data;
    mod bad_settings;
    mod commands;
    mod compare;
    mod devices;
    mod doubts;
    mod faults;
    mod integrity;
    mod limits;
    mod logs;
    mod only_files;
    mod own_data;
    mod pack;
    mod predict;
    mod pytorch;
    mod recipes;
    mod resume;
    mod scored;
    #[cfg(unix)]
    mod signals;
    mod stages;
    mod terminal;
    mod train;
}
