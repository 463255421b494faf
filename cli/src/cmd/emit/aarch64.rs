//! Cranelift's listing of AArch64 code as text that an assembler takes.
//!
//! The listing is nearly that already. It differs in labels, in shifts without `#`, in operands that
//! are read and written, which it names twice, and in constants, which it counts and does not show:
//! they are taken from the machine code.

use super::AsmError;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the listing has for the touching of a large frame's pages.
const PROBE: &str = "stack_probe_loop";

/// A vector, loaded from a place relative to the instruction: `ldr q0, label`.
const LOAD_LITERAL: u32 = 0x9c00_0000;
const LOAD_LITERAL_MASK: u32 = 0xff00_0000;
/// Bytes of such a constant.
const LITERAL_BYTES: usize = 16;

/// The instructions of `listing`, whose machine code is `code`, and their constants.
pub(super) fn assembler(listing: &str, code: &[u8]) -> Result<String, AsmError> {
    let mut literals = Literals::new(code);
    let mut text = String::new();
    for line in listing.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if let Some(block) = line.strip_prefix("block").and_then(|l| l.strip_suffix(':')) {
            let _ = writeln!(text, ".L{block}:");
            continue;
        }
        if line.starts_with(PROBE) {
            return Err(AsmError::Scratch);
        }
        for statement in line.split(" ; ") {
            let statement = literals.resolve(statement)?;
            let _ = writeln!(text, "\t{}", operands(&statement));
        }
    }
    for (number, bytes) in literals.found {
        let bytes = bytes.map(|byte| format!("{byte:#04x}")).join(", ");
        let _ = writeln!(text, "\t.balign 16\n.LC{number}:\n\t.byte {bytes}");
    }
    Ok(text)
}

/// An instruction with its operands as an assembler writes them.
fn operands(statement: &str) -> String {
    let (mnemonic, operands) = statement.split_once(' ').unwrap_or((statement, ""));
    let mut operands: Vec<String> = operands.split(", ").map(operand).collect();
    let reads_what_it_writes = matches!(mnemonic, "bsl" | "sdot" | "movk" | "sqxtn2");
    if reads_what_it_writes && operands[0] == operands[1] {
        operands.remove(1);
    }
    if mnemonic == "sdot" {
        // Its factors are bytes.
        for factor in &mut operands[1..] {
            *factor = factor.replace(".4s", ".16b");
        }
    }
    format!("{mnemonic} {}", operands.join(", "))
        .trim_end()
        .to_owned()
}

fn operand(operand: &str) -> String {
    if let Some(label) = operand.strip_prefix("label") {
        return format!(".L{label}");
    }
    match operand.split_once(' ') {
        Some((shift @ ("LSL" | "LSR" | "ASR" | "UXTW" | "SXTW"), by)) if !by.starts_with('#') => {
            format!("{shift} #{by}")
        }
        _ => operand.to_owned(),
    }
}

/// The constants of a function, found by its loads of them, which come in the listing's order.
struct Literals<'c> {
    code: &'c [u8],
    /// Places of the loads.
    loads: std::vec::IntoIter<usize>,
    /// By the listing's number.
    found: BTreeMap<u32, [u8; LITERAL_BYTES]>,
}

impl Literals<'_> {
    fn new(code: &[u8]) -> Literals<'_> {
        let words = code
            .as_chunks()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word));
        let loads = words
            .enumerate()
            .filter(|(_, word)| word & LOAD_LITERAL_MASK == LOAD_LITERAL);
        let loads: Vec<usize> = loads.map(|(i, _)| 4 * i).collect();
        Literals {
            code,
            loads: loads.into_iter(),
            found: BTreeMap::new(),
        }
    }

    /// The statement with a label in place of a counted constant.
    fn resolve(&mut self, statement: &str) -> Result<String, AsmError> {
        let Some((load, number)) = statement.split_once("[const(") else {
            return Ok(statement.to_owned());
        };
        let lost = || AsmError::Constant(statement.to_owned());
        let number = number.trim_end_matches(")]").parse().map_err(|_| lost())?;
        let at = self.loads.next().ok_or_else(lost)?;
        let bytes = self.literal(load, at).ok_or_else(lost)?;
        match self.found.insert(number, bytes) {
            Some(before) if before != bytes => Err(lost()),
            _ => Ok(format!("{load}.LC{number}")),
        }
    }

    /// What the load at a place reads, if it writes the register that `load` names: `ldr q0, `.
    fn literal(&self, load: &str, at: usize) -> Option<[u8; LITERAL_BYTES]> {
        let word = u32::from_le_bytes(self.code.get(at..at + 4)?.try_into().ok()?);
        if format!("ldr q{}, ", word & 31) != load {
            return None;
        }
        // Nineteen bits, with a sign, that count words.
        let words = ((word << 8).cast_signed() >> 13) as isize;
        let from = at.checked_add_signed(4 * words)?;
        self.code.get(from..from + LITERAL_BYTES)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_an_assemblers() {
        for (listed, written) in [
            ("ret", "ret"),
            ("b label12", "b .L12"),
            ("tbnz x3, #1, label4", "tbnz x3, #1, .L4"),
            ("add x2, x0, x4, LSL 2", "add x2, x0, x4, LSL #2"),
            ("ldr s0, [x1, w2, UXTW #2]", "ldr s0, [x1, w2, UXTW #2]"),
            ("movk w3, w3, #49080, LSL #16", "movk w3, #49080, LSL #16"),
            (
                "sdot v1.4s, v1.4s, v2.4s, v3.4s",
                "sdot v1.4s, v2.16b, v3.16b",
            ),
            ("fadd v1.4s, v1.4s, v2.4s", "fadd v1.4s, v1.4s, v2.4s"),
        ] {
            assert_eq!(operands(listed), written);
        }
    }

    #[test]
    fn a_constant_is_taken_from_the_code() {
        // `ldr q5, 8`, a return, and the constant.
        let mut code = (LOAD_LITERAL | 2 << 5 | 5).to_le_bytes().to_vec();
        code.extend(0xd65f_03c0_u32.to_le_bytes());
        code.extend(0..16);
        let text = assembler("block0:\n  ldr q5, [const(3)]\n  ret\n", &code).unwrap();
        let expected = ".L0:\n\tldr q5, .LC3\n\tret\n\t.balign 16\n.LC3:\n\t.byte 0x00, 0x01, ";
        assert!(text.starts_with(expected), "{text}");
        let probed = assembler("block0:\n  stack_probe_loop x16, x17, #4096\n", &code);
        assert!(matches!(probed, Err(AsmError::Scratch)), "{probed:?}");
        let other = assembler("block0:\n  ldr q6, [const(3)]\n", &code);
        assert!(matches!(other, Err(AsmError::Constant(_))), "{other:?}");
    }
}
