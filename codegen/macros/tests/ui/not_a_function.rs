use atome_kernels::ternary_kernel;

#[ternary_kernel(op = "gemv", packing = "int2")]
struct Kernel;

fn main() {}
