//! `docs/ir.md` has the signatures of all kernels as the ops' definitions give them.

use atome_codegen::ir::VectorOp;
use atome_codegen::op::{self, Callers};
use atome_spec::Activation;
use std::path::PathBuf;

const BEGIN: &str = "<!-- signatures -->\n";
const END: &str = "<!-- end of signatures -->\n";

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/ir.md")
}

/// The page before the table, the table, and the page after it.
fn parts(text: &str) -> [&str; 3] {
    let (before, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (table, after) = rest.split_once(END).expect("where the table ends");
    [before, table, after]
}

#[test]
fn the_table_of_signatures_is_current() {
    let text = std::fs::read_to_string(page()).expect("docs/ir.md");
    let [_, found, _] = parts(&text);
    assert!(
        found == op::table(),
        "the table of docs/ir.md is old: \
         cargo test -p atome-codegen --test docs -- --ignored write_the_table"
    );
}

#[test]
fn the_operations_on_vectors_are_in_the_table_of_instructions() {
    let text = std::fs::read_to_string(page()).expect("docs/ir.md");
    for op in VectorOp::ALL {
        let row = text.lines().find(|line| {
            let rest = line
                .strip_prefix("| `")
                .and_then(|rest| rest.strip_prefix(op.word()));
            rest.is_some_and(|rest| rest.starts_with(' '))
        });
        let operands = row.map(|row| {
            row.split('|')
                .nth(1)
                .map_or(0, |text| text.matches('%').count())
        });
        assert_eq!(operands, Some(op.operands().len()), "{}", op.word());
    }
}

/// The macro's page tells dimensions and arguments again, for those who read no other.
#[test]
fn the_tables_of_the_attribute_are_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("macros/src/lib.rs");
    let text = std::fs::read_to_string(path).expect("the macro's page");
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    for kind in op::kinds().iter().filter(|kind| kind.method.is_none()) {
        if op::callers(kind.op) != Callers::Attributes {
            continue;
        }
        let signature = op::signature(*kind);
        let dims = quoted(&mut signature.dims.iter().map(|dim| &*dim.name));
        let buffers = signature.buffers.iter().map(|buffer| &*buffer.name);
        let arguments = quoted(&mut buffers.chain(signature.scalars.iter().copied()));
        let name = format!("`{}`", kind.op);
        let row = text.lines().find(|line| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, ops, named_dims, named, _] = columns[..] else {
                return false;
            };
            let is_i8 = ops.contains("with `i8`") == (kind.activation == Activation::I8);
            let same_dims = named_dims == dims || named_dims == "the same";
            is_i8 && ops.contains(&name) && same_dims && named == arguments
        });
        assert!(
            row.is_some(),
            "| {name} | {dims} | {arguments} | for {kind:?}"
        );
    }
}

#[test]
#[ignore = "writes docs/ir.md"]
fn write_the_table() {
    let text = std::fs::read_to_string(page()).expect("docs/ir.md");
    let [before, _, after] = parts(&text);
    let text = format!("{before}{BEGIN}{}{END}{after}", op::table());
    std::fs::write(page(), text).expect("docs/ir.md is written");
}
