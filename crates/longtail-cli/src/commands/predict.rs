use std::{fs, io, process::ExitCode};

use anyhow::{Context, bail};
use longtail::{
    predictor::{Answers, Predictor},
    report::{PredictionFormat, PredictionWriter, ReportError},
    run::check_out,
};

use super::{
    devices,
    given::{self, Separator},
    on, start_threads, weights_choice,
};
use crate::{
    args::{FormatName, PredictArgs},
    interrupt::Interrupt,
    output::{Out, note},
};

/// `longtail predict`
pub fn run(args: &PredictArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    if args.null && !args.images.iter().any(|image| image.as_os_str() == "-") {
        bail!(
            "-0 says how paths on standard input end, and none are read from there: give - as well"
        );
    }
    if let Some(path) = &args.out {
        check_out("--out", path, &args.images)?;
    }
    let mut out = Out::open(args.out.as_deref())?;
    if let Out::File(file) = &out {
        let part = file.part().to_owned();
        interrupt.removes(move || drop(fs::remove_file(part)));
    }
    start_threads(args.threads)?;
    let device = devices::open(args.device, |text| note(text))?;
    let answered = on(&device, || {
        let predictor = Predictor::open(&args.run, weights_choice(args.weights), device.clone())?;
        note(predictor.origin());
        answer(args, &predictor, &mut out)
    });
    let Count { unanswered, given } = match answered {
        // The reader has seen enough.
        Err(error) if is_broken_pipe(&error) => return Ok(ExitCode::SUCCESS),
        other => other?,
    };
    out.finish()?;
    if unanswered == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    note(format_args!("longtail: {unanswered} of {given} could not be read, as said above"));
    Ok(ExitCode::FAILURE)
}

/// Of what was given.
#[derive(Default)]
struct Count {
    given: usize,
    unanswered: usize,
}

fn answer(args: &PredictArgs, predictor: &Predictor, out: &mut Out) -> anyhow::Result<Count> {
    let separator = if args.null { Separator::Nul } else { Separator::Newline };
    let batches = given::batches(args.images.clone(), separator, predictor.batch_size())
        .context("cannot start a thread")?;
    let mut writer =
        PredictionWriter::new(args.format.into(), predictor.class_names(), args.top.get(), out)?;
    if args.raw_names {
        writer = writer.with_raw_names();
    }
    let mut count = Count::default();
    predictor.stream(&batches, args.top.get(), |Answers { answers, notes }| {
        notes.iter().for_each(note);
        let unanswered = answers.iter().filter_map(|answer| answer.as_ref().err());
        count.given += answers.len();
        count.unanswered += unanswered.inspect(|unanswered| note(unanswered)).count();
        writer.write(&answers)
    })?;
    writer.finish()?;
    Ok(count)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(ReportError::Predictions(cause)) if cause.kind() == io::ErrorKind::BrokenPipe
    )
}

impl From<FormatName> for PredictionFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Table => Self::Table,
            FormatName::Csv => Self::Csv,
            FormatName::Jsonl => Self::Jsonl,
        }
    }
}
