//! Invitations.

use crate::words::words;

words! {
    /// What became of an invitation.
    pub enum InvitationStatus {
        /// It can be accepted.
        Pending = "pending",
        /// Who was invited joined.
        Accepted = "accepted",
        /// Nobody accepted it in time.
        Expired = "expired",
        /// It was taken back.
        Cancelled = "cancelled",
    }
}
