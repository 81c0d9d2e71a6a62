//! What a run writes for people and for programs.

mod report {
    mod sample;

    mod details;
    mod embedding;
    mod html;
    mod metrics_log;
    mod predictions;
    mod recorded;
    mod summary;
    mod table;
}
