//! The selection of attention, for few positions, in Cranelift's IR.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, I32, I64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Value};
use cranelift_frontend::FunctionBuilder;

/// As the source for other machines says it: the scores in their order, each put before those that it outranks.
pub(super) fn top_k(b: &mut FunctionBuilder<'_>, params: &[Value]) {
    let &[scores, len, start, k, chosen, picked] = params else {
        unreachable!("the function has six parameters");
    };
    let flags = MemFlagsData::trusted();
    let [
        each,
        take,
        find,
        compare,
        found,
        shift,
        copy,
        put,
        next,
        done,
    ] = std::array::from_fn(|_| b.create_block());
    let [i, count, slot] = std::array::from_fn(|_| b.append_block_param(each, I64));
    let at = b.append_block_param(find, I64);
    let hole = b.append_block_param(shift, I64);
    let more = b.append_block_param(next, I64);
    let element = |b: &mut FunctionBuilder<'_>, base: Value, index: Value| {
        let offset = b.ins().ishl_imm_u(index, 2);
        b.ins().iadd(base, offset)
    };
    let one = b.ins().iconst(I64, 1);
    let zero = b.ins().iconst(I64, 0);
    let arg = BlockArg::from;
    b.ins().jump(each, &[arg(zero), arg(zero), arg(start)]);

    b.switch_to_block(each);
    let is_left = b.ins().icmp(IntCC::UnsignedLessThan, i, len);
    b.ins().brif(is_left, take, &[], done, &[]);
    b.switch_to_block(take);
    let place = element(b, scores, slot);
    let score = b.ins().load(F32, flags, place, 0);
    b.ins().jump(find, &[arg(count)]);

    b.switch_to_block(find);
    b.ins().brif(at, compare, &[], found, &[]);
    b.switch_to_block(compare);
    let before = b.ins().isub(at, one);
    let place = element(b, picked, before);
    let other = b.ins().load(F32, flags, place, 0);
    let greater = b.ins().fcmp(FloatCC::GreaterThan, score, other);
    let other_is_nan = b.ins().fcmp(FloatCC::Unordered, other, other);
    let is_number = b.ins().fcmp(FloatCC::Ordered, score, score);
    let above_nan = b.ins().band(other_is_nan, is_number);
    let outranks = b.ins().bor(greater, above_nan);
    b.ins().brif(outranks, find, &[arg(before)], found, &[]);

    b.switch_to_block(found);
    let last = b.ins().isub(k, one);
    let last = b.ins().umin(count, last);
    let enters = b.ins().icmp(IntCC::UnsignedLessThan, at, k);
    b.ins()
        .brif(enters, shift, &[arg(last)], next, &[arg(count)]);

    b.switch_to_block(shift);
    let moves = b.ins().icmp(IntCC::UnsignedGreaterThan, hole, at);
    b.ins().brif(moves, copy, &[], put, &[]);
    b.switch_to_block(copy);
    let from = b.ins().isub(hole, one);
    for (base, ty) in [(picked, F32), (chosen, I32)] {
        let (source, target) = (element(b, base, from), element(b, base, hole));
        let moved = b.ins().load(ty, flags, source, 0);
        b.ins().store(flags, moved, target, 0);
    }
    b.ins().jump(shift, &[arg(from)]);

    b.switch_to_block(put);
    let place = element(b, picked, at);
    b.ins().store(flags, score, place, 0);
    let place = element(b, chosen, at);
    let number = b.ins().ireduce(I32, slot);
    b.ins().store(flags, number, place, 0);
    let longer = b.ins().iadd(last, one);
    b.ins().jump(next, &[arg(longer)]);

    b.switch_to_block(next);
    let after = b.ins().iadd(slot, one);
    let ends = b.ins().icmp(IntCC::Equal, after, len);
    let after = b.ins().select(ends, zero, after);
    let i = b.ins().iadd(i, one);
    b.ins().jump(each, &[arg(i), arg(more), arg(after)]);
    b.switch_to_block(done);
    b.ins().return_(&[]);
}
