//! What the last look at an instance showed.

use crate::words::words;

words! {
    /// Whether an instance serves, as last observed.
    #[derive(Default)]
    pub enum Health {
        /// Nobody could look: the server does not answer, or it is not meant to serve.
        #[default]
        Unknown = "unknown",
        /// Its page answers, and its own database answers.
        Healthy = "healthy",
        /// Its container runs, and its page or its database does not answer.
        Unhealthy = "unhealthy",
        /// Its container does not run though it is meant to.
        Down = "down",
    }
}
