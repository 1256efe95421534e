//! Routes, none of which is without a requirement.

use std::future::Future;

use ocore_domain::access::Permission;
use serde::Serialize;
use utoipa::openapi::{
    SecurityRequirement,
    extensions::Extensions,
    path::{Operation, PathItem},
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{Allowed, Need, Requirement};
use crate::Api;

/// One route, as the tests and the documentation list it.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// With its parameters in braces.
    pub path: String,
    /// What it asks of who calls it.
    pub requirement: Requirement,
}

impl Route {
    /// The permission it asks for, if it asks for one.
    pub const fn permission(&self) -> Option<Permission> {
        match self.requirement {
            Requirement::Permission(permission) => Some(permission),
            _ => None,
        }
    }
}

/// A handler that says what it requires: its first argument is an [`Allowed`].
pub(crate) trait Guarded<Arguments> {
    /// What it requires.
    const REQUIREMENT: Requirement;
}

macro_rules! guarded_with {
    ($($argument:ident),*) => {
        impl<F, R, N, $($argument),*> Guarded<(N, $($argument,)*)> for F
        where
            F: Fn(Allowed<N>, $($argument),*) -> R,
            R: Future,
            N: Need,
        {
            const REQUIREMENT: Requirement = N::REQUIREMENT;
        }
    };
}

guarded_with!();
guarded_with!(A);
guarded_with!(A, B);
guarded_with!(A, B, C);
guarded_with!(A, B, C, D);
guarded_with!(A, B, C, D, E);

/// A route together with what its handler requires.
pub(crate) struct GuardedRoute {
    routes: UtoipaMethodRouter<Api>,
    requirement: Requirement,
}

/// Binds a route to what its handler requires. Use [`guarded!`], which names the handler once.
pub(crate) fn guard<A, H: Guarded<A>>(routes: UtoipaMethodRouter<Api>, _: H) -> GuardedRoute {
    GuardedRoute {
        routes,
        requirement: H::REQUIREMENT,
    }
}

/// The route of a handler; one whose first argument is not an [`Allowed`] does not compile.
macro_rules! guarded {
    ($($handler:tt)+) => {
        $crate::access::guard(utoipa_axum::routes!($($handler)+), $($handler)+)
    };
}
pub(crate) use guarded;

/// Routes that are guarded.
#[derive(Default)]
pub(crate) struct Routes {
    router: OpenApiRouter<Api>,
    table: Vec<Route>,
}

impl Routes {
    /// These and one more.
    pub(crate) fn with(mut self, route: GuardedRoute) -> Self {
        let GuardedRoute {
            mut routes,
            requirement,
        } = route;
        for (path, item) in &mut routes.1.paths {
            for (method, operation) in operations(item) {
                self.table.push(Route {
                    method,
                    path: path.clone(),
                    requirement,
                });
                describe(operation, requirement);
            }
        }
        Self {
            router: self.router.routes(routes),
            table: self.table,
        }
    }

    /// These and others.
    pub(crate) fn merge(mut self, others: Self) -> Self {
        self.table.extend(others.table);
        Self {
            router: self.router.merge(others.router),
            table: self.table,
        }
    }

    /// What axum serves and what describes it.
    pub(crate) fn into_router(self) -> OpenApiRouter<Api> {
        self.router
    }

    /// What there is.
    pub(crate) fn into_table(self) -> Vec<Route> {
        self.table
    }
}

/// What a path is described to do, by method.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Writes into the description what a route requires.
fn describe(operation: &mut Operation, requirement: Requirement) {
    if requirement == Requirement::Anyone {
        operation.security = Some(vec![SecurityRequirement::default()]);
    }
    let extension = Extensions::builder()
        .add("x-ocore-requires", requirement.to_string())
        .build();
    match &mut operation.extensions {
        Some(extensions) => extensions.merge(extension),
        None => operation.extensions = Some(extension),
    }
}

/// A handler that requires nothing cannot be built in: it would not compile. A program that does not compile cannot be a test
/// of this crate's inner parts, so the compiler is asked otherwise, by the very bound that [`guard`] has: of two methods of
/// the same name it takes the first where that bound holds, and the second only where it does not.
#[cfg(test)]
mod tests {
    use axum::extract::Path;

    use super::*;
    use crate::access::{Anyone, Owner, Servers, View};

    struct Handler<H>(H);

    trait Taken<Arguments> {
        fn is_taken(&self) -> bool {
            true
        }
    }

    impl<A, H: Guarded<A>> Taken<A> for Handler<H> {}

    trait Refused {
        fn is_taken(&self) -> bool {
            false
        }
    }

    impl<H> Refused for &Handler<H> {}

    macro_rules! is_taken {
        ($handler:expr) => {
            (&Handler($handler)).is_taken()
        };
    }

    async fn requires_nothing() {}
    async fn requires_nothing_of_a_path(_: Path<String>) {}
    async fn requires_too_late(_: Path<String>, _: Allowed<Owner>) {}
    async fn names_a_need_only(_: View<Servers>) {}

    async fn says_that_anybody_may(_: Allowed<Anyone>) {}
    async fn requires_a_permission(_: Allowed<View<Servers>>, _: Path<String>) {}
    async fn requires_the_owner(_: Allowed<Owner>, _: Path<String>, _: Path<String>) {}

    #[test]
    fn a_handler_that_declares_no_permission_is_no_route() {
        assert!(!is_taken!(requires_nothing));
        assert!(!is_taken!(requires_nothing_of_a_path));
        assert!(!is_taken!(requires_too_late));
        assert!(!is_taken!(names_a_need_only));
        assert!(!is_taken!(|| async {}));

        assert!(is_taken!(says_that_anybody_may));
        assert!(is_taken!(requires_a_permission));
        assert!(is_taken!(requires_the_owner));
    }
}
