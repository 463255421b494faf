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
    let names = report
        .classes
        .iter()
        .map(|class| class.name.chars().count());
    let width = names.max().unwrap_or(0).max(5);
    let _ = writeln!(out, "{:width$}  texts  precision  recall      F1", "class");
    for class in &report.classes {
        let _ = writeln!(
            out,
            "{:width$}  {:>5}  {:>9.4}  {:>6.4}  {:>6.4}",
            class.name, class.texts, class.precision, class.recall, class.f1,
        );
    }
    if report.classes.len() <= MOST_COLUMNS {
        let short = |name: &str| name.chars().take(COLUMN).collect::<String>();
        let heads = report
            .classes
            .iter()
            .map(|class| format!(" {:>COLUMN$}", short(&class.name)));
        let _ = writeln!(out, "{:width$} {}", "", heads.collect::<String>());
        for (class, row) in report.classes.iter().zip(&report.confusion) {
            let cells: String = row.iter().map(|n| format!(" {n:>COLUMN$}")).collect();
            let _ = writeln!(out, "{:width$} {cells}", class.name);
        }
    }
    out
}
