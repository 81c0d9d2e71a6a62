//! The built program, driven in a temporary folder.

mod cli {
    mod program;

    mod bad_data;
    mod bad_settings;
    mod branch;
    mod browser;
    mod commands;
    mod compare;
    mod cut;
    mod devices;
    mod doubts;
    mod export;
    mod faults;
    mod integrity;
    mod large;
    mod latex;
    mod limits;
    mod logs;
    mod newer;
    mod on_disk;
    mod only_files;
    mod overwrite;
    mod own_data;
    mod pack;
    mod predict;
    mod pytorch;
    mod queue;
    mod recipes;
    mod reproduce;
    mod resume;
    mod scored;
    mod search;
    #[cfg(unix)]
    mod serve;
    mod shell;
    #[cfg(unix)]
    mod signals;
    mod stages;
    mod terminal;
    mod train;
    mod weights;
}
