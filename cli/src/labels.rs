//! Labelled texts, and how good a classifier is on them, for people.

use crate::failure::Failure;
use crate::output;
use crate::units::count;
use atome::classify::{DatasetError, Report, Warnings};
use std::fmt::Write as _;
use std::path::Path;

/// Most classes whose confusion is printed: a column each.
const MOST_COLUMNS: usize = 16;
/// Most bytes of a name in the head of a column.
const COLUMN: usize = 6;
/// Characters of a name in a table.
const MOST_NAME: usize = 40;

/// What is wrong with a file of labelled texts.
pub(crate) fn fault(path: &Path, fault: DatasetError) -> Failure {
    let path = path.to_owned();
    Failure::Labels { path, fault }
}

/// Says what is odd about labelled texts.
pub(crate) fn warn(quiet: bool, warnings: &Warnings) {
    let Warnings {
        empty,
        twice,
        conflicts,
        single,
    } = *warnings;
    for (number, one, several, what) in [
        (empty, "line", "lines", "without a text: left away"),
        (
            twice,
            "text",
            "texts",
            "there before with the same label: left away",
        ),
        (
            conflicts,
            "text",
            "texts",
            "with more than one label: none of them can be right always",
        ),
        (single, "label", "labels", "of one text alone"),
    ] {
        if number > 0 {
            output::note(
                quiet,
                format_args!("warning: {} {what}", count(number, one, several)),
            );
        }
    }
}

/// Accuracy and the rest, a line a class, and the confusion of few classes.
pub(crate) fn table(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: accuracy {:.4}, macro-F1 {:.4}, {:.4} bits a text, calibration error {:.4}",
        count(report.texts, "text", "texts"),
        report.accuracy,
        report.macro_f1,
        report.bits,
        report.calibration_error,
    );
    let _ = writeln!(
        out,
        "sure of {:.1} % of them, right in {:.1} % of these",
        100.0 * report.coverage,
        100.0 * report.accuracy_when_sure,
    );
    if report.others > 0 {
        let _ = writeln!(
            out,
            "{} of no class: not sure of {:.1} %",
            count(report.others, "text", "texts"),
            100.0 * report.others_flagged,
        );
    }
    let names: Vec<String> = report
        .classes
        .iter()
        .map(|class| shown(&class.name))
        .collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0).max(5);
    let _ = writeln!(out, "{:width$}  texts  precision  recall      F1", "class");
    for (name, class) in names.iter().zip(&report.classes) {
        let _ = writeln!(
            out,
            "{name:width$}  {:>5}  {:>9.4}  {:>6.4}  {:>6.4}",
            class.texts, class.precision, class.recall, class.f1,
        );
    }
    if report.classes.len() <= MOST_COLUMNS {
        let short = |name: &str| name.chars().take(COLUMN).collect::<String>();
        let heads = names
            .iter()
            .map(|name| format!(" {:>COLUMN$}", short(name)));
        let _ = writeln!(out, "{:width$} {}", "", heads.collect::<String>());
        for (name, row) in names.iter().zip(&report.confusion) {
            let cells: String = row.iter().map(|n| format!(" {n:>COLUMN$}")).collect();
            let _ = writeln!(out, "{name:width$} {cells}");
        }
    }
    out
}

/// A name as far as a table has room for it.
fn shown(name: &str) -> String {
    match name.chars().count() > MOST_NAME {
        true => name
            .chars()
            .take(MOST_NAME - 2)
            .chain("..".chars())
            .collect(),
        false => name.to_owned(),
    }
}
