use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(op = "gemv", packing = "int2")]
async unsafe extern "C" fn qualified(
    w: &[u32],
    x: &[f32],
    scale: f32,
    out: &mut [f32],
) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "int2")]
fn generic<'a, T>(w: &'a [u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "gemv", packing = "int2")]
fn no_result(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]);

#[ternary_kernel(op = "gemv", packing = "int2")]
fn other_result(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> bool;

struct Model;

impl Model {
    #[ternary_kernel(op = "gemv", packing = "int2")]
    fn method(
        &self,
        w: &[u32],
        x: &[f32],
        scale: f32,
        out: &mut [f32],
    ) -> Result<(), KernelError>;

    #[ternary_kernel(op = "gemv", packing = "int2")]
    fn owned(
        self: Box<Self>,
        w: &[u32],
        x: &[f32],
        scale: f32,
        out: &mut [f32],
    ) -> Result<(), KernelError>;
}

fn main() {}
