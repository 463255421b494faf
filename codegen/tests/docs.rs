//! `docs/ir.md` has the signatures and the numerics of all kernels as the ops' definitions give them.

use atome_codegen::ir::VectorOp;
use atome_codegen::op::{self, Callers};
use atome_spec::Activation;
use std::path::PathBuf;

/// A part of the page that is made from the ops' definitions.
struct Part {
    begin: &'static str,
    end: &'static str,
    made: fn() -> String,
}

const PARTS: [Part; 2] = [
    Part {
        begin: "<!-- signatures -->\n",
        end: "<!-- end of signatures -->\n",
        made: op::table,
    },
    Part {
        begin: "<!-- numerics -->\n",
        end: "<!-- end of numerics -->\n",
        made: op::numerics,
    },
];

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/ir.md")
}

impl Part {
    /// The page before the part, the part, and the page after it.
    fn of<'t>(&self, text: &'t str) -> [&'t str; 3] {
        let (before, rest) = text.split_once(self.begin).expect("where it begins");
        let (part, after) = rest.split_once(self.end).expect("where it ends");
        [before, part, after]
    }
}

#[test]
fn what_is_made_from_definitions_is_current() {
    let text = std::fs::read_to_string(page()).expect("docs/ir.md");
    for part in PARTS {
        let [_, found, _] = part.of(&text);
        assert!(
            found == (part.made)(),
            "a part of docs/ir.md is old: \
             cargo test -p atome-codegen --test docs -- --ignored write_the_page"
        );
    }
}

#[test]
fn every_op_says_what_it_gives() {
    let list = op::numerics();
    let silent = list
        .lines()
        .find(|line| line.starts_with("- ") && line.trim_end().ends_with(".**"));
    assert_eq!(silent, None);
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
fn write_the_page() {
    let mut text = std::fs::read_to_string(page()).expect("docs/ir.md");
    for part in PARTS {
        let [before, _, after] = part.of(&text);
        let (begin, made, end) = (part.begin, (part.made)(), part.end);
        text = format!("{before}{begin}{made}{end}{after}");
    }
    std::fs::write(page(), text).expect("docs/ir.md is written");
}
