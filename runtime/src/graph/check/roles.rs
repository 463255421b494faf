//! What ternary parameters are for, which the calls that read them tell.

use super::super::fault::GraphFault;
use super::super::{Arg, Call, Graph};
use super::call::Used;
use crate::tensor::{Kind, Param, Role};
use std::sync::Arc;

/// By the number of a parameter, what it is read as, and the first call that does.
pub(super) struct Roles(Vec<Option<(Role, Arc<str>)>>);

impl Roles {
    pub(super) fn new(graph: &Graph) -> Roles {
        Roles(vec![None; graph.params.len()])
    }

    /// A call reads its parameters.
    ///
    /// # Errors
    /// If another call reads one as something else.
    pub(super) fn read(
        &mut self,
        graph: &Graph,
        call: &Call,
        used: &[Used],
    ) -> Result<(), GraphFault> {
        for ((_, arg), used) in call.args.iter().zip(used) {
            let (Arg::Param(id), Some(role)) = (arg, used.role) else {
                continue;
            };
            let first = || (role, Arc::clone(&call.name));
            let found = self.0[id.0].get_or_insert_with(first);
            let param = &graph.params[id.0];
            match both(param, found.0, role) {
                Some(first) if first == found.0 => {}
                Some(product) => *found = (product, Arc::clone(&call.name)),
                None => {
                    return Err(GraphFault::Role {
                        param: param.name.clone(),
                        first: found.0.described(),
                        by: found.1.to_string(),
                        second: role.described(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Tells the parameters.
    pub(super) fn assign(self, params: &mut [Param]) {
        for (param, found) in params.iter_mut().zip(self.0) {
            if let (Kind::Ternary { role, .. }, Some((read_as, _))) = (&mut param.kind, found) {
                *role = read_as;
            }
        }
    }
}

/// What a parameter is that is read as either; `None` if kernels want it in two ways. With scales for groups of columns, a
/// matrix lies in the same way for products and for lookups.
fn both(param: &Param, first: Role, second: Role) -> Option<Role> {
    match (first, second) {
        _ if first == second => Some(first),
        _ if param.kind.group().is_none() => None,
        (Role::Embedding, product) | (product, Role::Embedding) => Some(product),
        _ => None,
    }
}
