//! The graph of a computation, recorded as it runs and walked backwards for the gradients.
//!
//! The model is a chain: every operation takes the values of the one before it, and leaves
//! (parameters) of its own. So the graph is a tape of operations with their inputs. What an
//! operation computes, forwards and backwards, is in [`ops`](crate::ops).

use crate::ops::vector::add;
use std::mem;
use std::ops::Range;

/// A differentiable operation on whole sequences.
pub(crate) trait Operation {
    /// The result, from the values `x` and the leaves. Whatever else [`Self::backward`] can use
    /// may be kept.
    fn forward(&mut self, x: &[f32], leaves: &[Vec<f32>]) -> Vec<f32>;

    /// The gradients of `x` and of the leaves, where `grad` is that of the result. Called at
    /// most once, after [`Self::forward`] and with its operands.
    fn backward(
        &mut self,
        x: &[f32],
        leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>);
}

/// A computation over `leaves`, and the result so far.
pub(crate) struct Tape<'a> {
    leaves: &'a [Vec<f32>],
    result: Vec<f32>,
    /// What was done; nothing is recorded where no gradients are wanted.
    steps: Option<Vec<Step>>,
}

/// An operation that was done.
struct Step {
    operation: Box<dyn Operation>,
    leaves: Range<usize>,
    x: Vec<f32>,
}

impl<'a> Tape<'a> {
    /// A computation whose gradients are wanted.
    pub(crate) fn recording(leaves: &'a [Vec<f32>]) -> Tape<'a> {
        Tape {
            leaves,
            result: Vec::new(),
            steps: Some(Vec::new()),
        }
    }

    /// A computation that keeps its last result only.
    pub(crate) fn forgetting(leaves: &'a [Vec<f32>]) -> Tape<'a> {
        Tape {
            steps: None,
            ..Tape::recording(leaves)
        }
    }

    /// Goes on by `operation`, which uses the given leaves.
    pub(crate) fn apply(&mut self, mut operation: impl Operation + 'static, leaves: Range<usize>) {
        let result = operation.forward(&self.result, &self.leaves[leaves.clone()]);
        let x = mem::replace(&mut self.result, result);
        if let Some(steps) = &mut self.steps {
            let operation = Box::new(operation);
            steps.push(Step {
                operation,
                leaves,
                x,
            });
        }
    }

    /// The last operation's result.
    pub(crate) fn result(&self) -> &[f32] {
        &self.result
    }

    /// The last operation's result, and nothing else.
    pub(crate) fn into_result(self) -> Vec<f32> {
        self.result
    }

    /// The gradients of the sum of the result, one a leaf.
    pub(crate) fn backward(self) -> Vec<Vec<f32>> {
        let mut gradients: Vec<Vec<f32>> = self.leaves.iter().map(|_| Vec::new()).collect();
        let mut grad = vec![1.0; self.result.len()];
        for mut step in self.steps.into_iter().flatten().rev() {
            let leaves = &self.leaves[step.leaves.clone()];
            let (before, of_leaves) = step.operation.backward(&step.x, leaves, grad);
            for (sum, of_leaf) in gradients[step.leaves].iter_mut().zip(of_leaves) {
                match sum.is_empty() {
                    true => *sum = of_leaf,
                    false => add(sum, &of_leaf),
                }
            }
            grad = before;
        }
        for (gradient, leaf) in gradients.iter_mut().zip(self.leaves) {
            gradient.resize(leaf.len(), 0.0);
        }
        gradients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x + factor * leaf`, by elements; without an `x` yet, that is `factor * leaf`.
    struct AddScaled {
        factor: f32,
    }

    impl Operation for AddScaled {
        fn forward(&mut self, x: &[f32], leaves: &[Vec<f32>]) -> Vec<f32> {
            let x = x.iter().copied().chain(std::iter::repeat(0.0));
            let leaf = leaves[0].iter();
            leaf.zip(x)
                .map(|(leaf, x)| x + self.factor * leaf)
                .collect()
        }

        fn backward(
            &mut self,
            _x: &[f32],
            _leaves: &[Vec<f32>],
            grad: Vec<f32>,
        ) -> (Vec<f32>, Vec<Vec<f32>>) {
            let leaf = grad.iter().map(|grad| self.factor * grad).collect();
            (grad, vec![leaf])
        }
    }

    #[test]
    fn a_leaf_that_is_used_twice_has_the_sum_of_its_gradients() {
        let leaves = [vec![1.0, 2.0], vec![4.0, 8.0], vec![3.0]];
        let mut tape = Tape::recording(&leaves);
        for (factor, leaf) in [(2.0, 0), (5.0, 1), (0.5, 0)] {
            tape.apply(AddScaled { factor }, leaf..leaf + 1);
        }
        assert_eq!(tape.result(), [22.5, 45.0]);
        let gradients = tape.backward();
        assert_eq!(gradients, [vec![2.5, 2.5], vec![5.0, 5.0], vec![0.0]]);
    }
}
