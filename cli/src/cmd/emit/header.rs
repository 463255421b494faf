//! A kernel's declaration in C.

use atome_codegen::KernelSpec;
use atome_codegen::ir::{Access, Elem, Function};
use std::fmt::Write;

/// A header of its own for the function.
pub(super) fn header(spec: &KernelSpec, function: &Function) -> String {
    let name = &function.name;
    let guard = format!("ATOME_{}_H", name.to_uppercase());
    let mut text = format!("#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n");
    text.push_str("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    let _ = writeln!(
        text,
        "/*\n * {}. Buffers do not overlap; each has so many elements:",
        spec.name()
    );
    for buffer in &function.buffers {
        let access = match buffer.access {
            Access::In => "read",
            Access::Out => "written",
            Access::InOut => "read and written",
        };
        let len = function.show(&buffer.len);
        let _ = writeln!(text, " *   {}: {len}, {access}", buffer.name);
    }
    let parameters = parameters(function).join(", ");
    let _ = writeln!(text, " */\nvoid {name}({parameters});\n");
    let _ = writeln!(text, "#ifdef __cplusplus\n}}\n#endif\n\n#endif");
    text
}

fn parameters(function: &Function) -> Vec<String> {
    let buffers = function.buffers.iter().map(|buffer| {
        let elem = match buffer.elem {
            Elem::F32 => "float",
            Elem::I32 => "int32_t",
        };
        let is_const = if buffer.access == Access::In {
            "const "
        } else {
            ""
        };
        format!("{is_const}{elem} *{}", buffer.name)
    });
    let dims = function.dims.iter().map(|dim| format!("uint64_t {dim}"));
    let scalars = function.scalars.iter().map(|s| format!("float {}", s.name));
    buffers.chain(dims).chain(scalars).collect()
}
