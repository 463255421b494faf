use atome_kernels::{KernelError, ternary_kernel};

#[ternary_kernel(expr = "(x: row, y: row) { y = x * gate }", channels = 4)]
fn unknown_name(tokens: usize, x: &[f32], y: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(expr = "(x: row) { x = relu(x) }", channels = 4)]
fn unknown_function(tokens: usize, x: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "map", channels = 4)]
fn nothing(tokens: usize, x: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(op = "scan", expr = "(x: row) { x = -x }")]
fn of_another_op(x: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(expr = 7, channels = 4)]
fn no_text(tokens: usize, x: &mut [f32]) -> Result<(), KernelError>;

#[ternary_kernel(expr = "(x: row, h: state) { h = h * 0.5 + x; x = h }", channels = 4, head = 2)]
fn operands(tokens: usize, x: &[f32], state: &mut [f32]) -> Result<(), KernelError>;

fn main() {}
