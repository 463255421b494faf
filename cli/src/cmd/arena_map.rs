//! A picture of the arena: bars of its sections, their sizes, and every tensor's place.

use crate::units::{count, grouped};
use atome::{ModelInfo, Section, TensorInfo};
use std::fmt::Write;

/// Characters of the longer bar.
const BAR: usize = 64;

/// Adds the picture to `text`.
pub(crate) fn draw(text: &mut String, info: &ModelInfo) {
    let sessions = count(info.sessions, "session", "sessions");
    let mapped = match info.mapped_bytes {
        0 => String::new(),
        bytes => format!(", and {} bytes in the file", grouped(bytes)),
    };
    let _ = writeln!(
        text,
        "arena         {} bytes, {sessions}{mapped}",
        grouped(info.arena_bytes)
    );
    let parts: [(_, &[Section], _); 3] = [
        (
            "model",
            &[Section::File, Section::Weights, Section::Constants],
            info.model_bytes,
        ),
        ("scratch", &[Section::Scratch], info.scratch_bytes),
        (
            "session",
            &[Section::State, Section::Logits],
            info.session_bytes,
        ),
    ];
    let longest = parts.iter().map(|(_, _, bytes)| *bytes).max();
    let scale = longest.unwrap_or(0).div_ceil(BAR).max(1);
    for (name, sections, bytes) in parts {
        let _ = writeln!(text, "  {name:<11} {} bytes", grouped(bytes));
        let _ = writeln!(text, "  [{}]", bar(info, sections, scale));
    }
    let _ = writeln!(
        text,
        "  saved state {} bytes; a letter of the bars is {} bytes",
        grouped(info.state_bytes),
        grouped(scale)
    );
    text.push('\n');
    sections(text, info);
    text.push('\n');
    tensors(text, info);
}

fn letter(section: Section) -> char {
    match section {
        Section::File => 'F',
        Section::Weights => 'W',
        Section::Constants => 'C',
        Section::State => 'S',
        Section::Logits => 'L',
        _ => 'x',
    }
}

/// A letter for every `scale` bytes of a part: that of the section which has most of them.
fn bar(info: &ModelInfo, sections: &[Section], scale: usize) -> String {
    let mut end = 0;
    let spans: Vec<_> = sections
        .iter()
        .map(|section| {
            let start = end;
            end += info.section_bytes(*section);
            (*section, start, end)
        })
        .collect();
    let cells = (0..end.div_ceil(scale)).map(|i| (i * scale, (i + 1) * scale));
    let share = |(_, start, end): &(Section, usize, usize), (from, to): (usize, usize)| {
        (*end).min(to).saturating_sub((*start).max(from))
    };
    cells
        .map(|cell| {
            let most = spans.iter().max_by_key(|span| share(span, cell));
            most.map_or(' ', |(section, ..)| letter(*section))
        })
        .collect()
}

fn sections(text: &mut String, info: &ModelInfo) {
    let _ = writeln!(text, "     section          bytes  tensors");
    for section in Section::ALL {
        let tensors = info.tensors.iter().filter(|t| t.section == section).count();
        let bytes = grouped(info.section_bytes(section));
        let (letter, name) = (letter(section), section.name());
        let _ = writeln!(text, "  {letter}  {name:<9} {bytes:>12} {tensors:>8}");
    }
}

fn tensors(text: &mut String, info: &ModelInfo) {
    let mut tensors: Vec<&TensorInfo> = info.tensors.iter().collect();
    tensors.sort_by_key(|t| (t.section, t.offset));
    let _ = writeln!(text, "          offset        bytes  tensor");
    for t in tensors {
        let (letter, offset, bytes) = (letter(t.section), grouped(t.offset), grouped(t.bytes));
        let _ = writeln!(text, "  {letter} {offset:>12} {bytes:>12}  {}", t.name);
    }
}
