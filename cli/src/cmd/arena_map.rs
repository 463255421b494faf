//! A picture of the arena: bars of its sections, their sizes, and every tensor's place.

use crate::units::{count, grouped};
use atome::{ModelInfo, Section, TensorInfo};
use std::fmt::Write;

/// Every section, in the order in which they lie in the arena.
pub(crate) const SECTIONS: [Section; 5] = [
    Section::Weights,
    Section::Constants,
    Section::State,
    Section::Logits,
    Section::Scratch,
];

/// Characters of the longer bar.
const BAR: usize = 64;

/// Adds the picture to `text`.
pub(crate) fn draw(text: &mut String, info: &ModelInfo) {
    let sessions = count(info.sessions, "session", "sessions");
    let mapped = match info.mapped_bytes {
        0 => String::new(),
        bytes => format!(", and {} bytes of weights in the file", grouped(bytes)),
    };
    let _ = writeln!(
        text,
        "arena         {} bytes, {sessions}{mapped}",
        grouped(info.arena_bytes)
    );
    let parts = [
        ("model", true, info.model_bytes),
        ("session", false, info.session_bytes),
    ];
    let scale = info
        .model_bytes
        .max(info.session_bytes)
        .div_ceil(BAR)
        .max(1);
    for (name, shared, bytes) in parts {
        let _ = writeln!(text, "  {name:<11} {} bytes", grouped(bytes));
        let _ = writeln!(text, "  [{}]", bar(info, shared, scale));
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
        Section::Weights => 'W',
        Section::Constants => 'C',
        Section::State => 'S',
        Section::Logits => 'L',
        _ => 'x',
    }
}

/// A letter for every `scale` bytes of a part: that of the section which has most of them.
fn bar(info: &ModelInfo, shared: bool, scale: usize) -> String {
    let spans: Vec<_> = SECTIONS
        .iter()
        .filter(|s| s.is_shared() == shared)
        .map(|s| (*s, span(info, *s)))
        .collect();
    let end = spans.iter().map(|(_, (_, end))| *end).max().unwrap_or(0);
    let cells = (0..end.div_ceil(scale)).map(|i| (i * scale, (i + 1) * scale));
    let share = |(start, end): (usize, usize), (from, to): (usize, usize)| {
        end.min(to).saturating_sub(start.max(from))
    };
    cells
        .map(|cell| {
            let most = spans.iter().max_by_key(|(_, span)| share(*span, cell));
            most.map_or(' ', |(section, _)| letter(*section))
        })
        .collect()
}

/// The first byte of a section, and the byte after its last, within its part of the arena.
fn span(info: &ModelInfo, section: Section) -> (usize, usize) {
    let first = info
        .tensors
        .iter()
        .filter(|t| t.section == section && t.bytes > 0);
    let first = first.map(|t| t.offset).min().unwrap_or(0);
    // Constants have offsets of their own, and lie behind the weights.
    let start = match section {
        Section::Constants => first + info.section_bytes(Section::Weights),
        _ => first,
    };
    (start, start + info.section_bytes(section))
}

fn sections(text: &mut String, info: &ModelInfo) {
    let _ = writeln!(text, "     section          bytes  tensors");
    for section in SECTIONS {
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
