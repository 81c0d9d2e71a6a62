//! What a run tells: JSONL, summary, HTML.
