//! What oCore writes to people.

use secrecy::{ExposeSecret, SecretString};

use crate::letter::{Letter, plain};

/// A mail by what it is about. Links are secrets: who has one may do what it is for.
#[derive(Clone, Debug)]
pub enum Message {
    /// To an address that somebody signed up with: is it theirs?
    VerifyEmail {
        /// Confirms it.
        link: SecretString,
    },
    /// To somebody who signed up, or in whose name somebody else did, and has an account already.
    AccountExists {
        /// Leads to a form for a new password.
        link: SecretString,
    },
    /// To somebody who forgot their password, or to whom somebody else claims to be.
    ResetPassword {
        /// Leads to a form for a new one.
        link: SecretString,
    },
    /// To the new address of an account: is it theirs?
    ChangeEmail {
        /// Confirms it.
        link: SecretString,
        /// The new address.
        address: String,
    },
    /// To the old address of an account, when the new one is confirmed.
    EmailChanged,
    /// To somebody who is asked to join.
    Invitation {
        /// The organization's name.
        organization: String,
        /// The name or address of who invites.
        inviter: String,
        /// What the invited may do there, as a word.
        role: String,
        /// Accepts it.
        link: SecretString,
    },
    /// To somebody whose password was changed or set anew.
    PasswordChanged,
    /// To somebody who is told when something is wrong with a server or an instance, and when it is right again.
    Alert {
        /// What, in one line.
        title: String,
        /// A few lines more.
        body: String,
        /// Where to look at it. It lets nobody in.
        link: SecretString,
    },
    /// To somebody of whose sessions one was ended, as its refresh token came twice: from its owner and from a thief.
    RefreshReused,
}

impl Message {
    /// Its link, if it has one.
    pub(crate) const fn link(&self) -> Option<&SecretString> {
        match self {
            Self::VerifyEmail { link }
            | Self::AccountExists { link }
            | Self::ResetPassword { link }
            | Self::ChangeEmail { link, .. }
            | Self::Invitation { link, .. }
            | Self::Alert { link, .. } => Some(link),
            Self::EmailChanged | Self::PasswordChanged | Self::RefreshReused => None,
        }
    }

    /// Its words.
    pub(crate) fn letter(&self) -> Letter<'_> {
        let (subject, before, button, after) = self.words();
        Letter {
            subject,
            before,
            link: self.link().map(|link| (button, link.expose_secret())),
            after,
        }
    }

    /// Subject, what stands before the link, what the link does, and what stands after it.
    fn words(&self) -> (String, String, &'static str, &'static str) {
        match self {
            Self::VerifyEmail { .. } => (
                "Confirm your e-mail address".to_owned(),
                "Somebody signed up to oCore with this e-mail address. If it was you, confirm that it is yours:"
                    .to_owned(),
                "Confirm this address",
                "If it was not you, do nothing. Without this link the address is not used.",
            ),
            Self::AccountExists { .. } => (
                "You have an account already".to_owned(),
                "Somebody signed up to oCore with this e-mail address, which has an account already. If it was you, log \
                 in as usual, or choose a new password here:"
                    .to_owned(),
                "Choose a new password",
                "If it was not you, do nothing. Your account stays as it is, and nobody was told that it exists.",
            ),
            Self::ResetPassword { .. } => (
                "Choose a new password".to_owned(),
                "Somebody asked for a new password for your oCore account. If it was you, choose it here:".to_owned(),
                "Choose a new password",
                "If it was not you, do nothing. Your password stays as it is, and nobody saw this link but you.",
            ),
            Self::ChangeEmail { address, .. } => (
                "Confirm your new e-mail address".to_owned(),
                format!(
                    "Your oCore account is to have the e-mail address {}. Confirm that it is yours:",
                    plain(address)
                ),
                "Confirm the new address",
                "If you have not asked for this, do nothing. The account keeps its address then.",
            ),
            Self::EmailChanged => (
                "Your e-mail address was changed".to_owned(),
                "Your oCore account has another e-mail address now. Mails no longer come here.".to_owned(),
                "",
                "If you have not changed it, somebody else is in your account: tell the administrator of your oCore.",
            ),
            Self::Invitation {
                organization,
                inviter,
                role,
                ..
            } => {
                let (organization, inviter) = (plain(organization), plain(inviter));
                (
                    format!("{inviter} invites you to {organization}"),
                    format!(
                        "{inviter} invites you to join the organization {organization} on oCore, as {}.",
                        plain(role)
                    ),
                    "Accept the invitation",
                    "If you do not know them, do nothing. Without this link you join nothing.",
                )
            }
            Self::PasswordChanged => (
                "Your password was changed".to_owned(),
                "The password of your oCore account was changed.".to_owned(),
                "",
                "If it was not you, ask for a new password at once: on the login page, \"forgot password\".",
            ),
            Self::Alert { title, body, .. } => {
                let lines: Vec<String> = body.lines().map(plain).collect();
                (
                    plain(title),
                    lines.join("\n"),
                    "Open it in oCore",
                    "You get this because somebody put your address into a notification channel of their oCore.",
                )
            }
            Self::RefreshReused => (
                "One of your sessions was ended".to_owned(),
                "A session of your oCore account was ended, because its token was used twice. Somebody may have copied \
                 it. Everything in that session has to log in again."
                    .to_owned(),
                "",
                "If you have not restored a browser or a machine from a copy just now, change your password.",
            ),
        }
    }
}
