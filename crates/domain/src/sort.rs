//! In which order lists come. Words that begin with a hyphen are the same order from its other end; what has the same key is
//! ordered by id.

use std::fmt;

use crate::words::words;

/// An order of a list.
pub trait Sort: Copy + Default + PartialEq + fmt::Display + 'static {
    /// Its word, as it stands in a request.
    fn word(self) -> &'static str;

    /// Whether its keys are moments; otherwise they are texts. Every list names its moments so: `createdAt`, `lastSeenAt`.
    fn is_by_time(self) -> bool {
        self.word().ends_with("At")
    }
}

macro_rules! sorts {
    ($($(#[$of_type:meta])+ $name:ident, without one $default:ident {
        $($value:ident = $word:tt, $other:ident = $back:tt;)+
    })+) => {$(
        words! {
            $(#[$of_type])+
            pub enum $name {
                $(
                    #[doc = concat!("By `", $word, "`.")]
                    $value = $word,
                    #[doc = concat!("By `", $word, "`, from the other end.")]
                    $other = $back,
                )+
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl Sort for $name {
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

sorts! {
    /// In which order servers are listed.
    ServerSort, without one Name {
        Name = "name", NameBack = "-name";
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
        LastSeenAt = "lastSeenAt", LastSeenAtBack = "-lastSeenAt";
    }
    /// In which order instances are listed.
    InstanceSort, without one Name {
        Name = "name", NameBack = "-name";
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
        Status = "status", StatusBack = "-status";
    }
    /// In which order operations are listed.
    OperationSort, without one CreatedAtBack {
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
    }
    /// In which order members are listed.
    MemberSort, without one Email {
        Email = "email", EmailBack = "-email";
        Name = "name", NameBack = "-name";
        JoinedAt = "joinedAt", JoinedAtBack = "-joinedAt";
        LastLoginAt = "lastLoginAt", LastLoginAtBack = "-lastLoginAt";
    }
    /// In which order API keys are listed.
    ApiKeySort, without one CreatedAtBack {
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
        Name = "name", NameBack = "-name";
        LastUsedAt = "lastUsedAt", LastUsedAtBack = "-lastUsedAt";
    }
    /// In which order the record of who did what is listed.
    AuditLogSort, without one CreatedAtBack {
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
    }
    /// In which order accounts are listed.
    UserSort, without one Email {
        Email = "email", EmailBack = "-email";
        Name = "name", NameBack = "-name";
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
        LastLoginAt = "lastLoginAt", LastLoginAtBack = "-lastLoginAt";
    }
    /// In which order organizations are listed.
    OrganizationSort, without one Slug {
        Slug = "slug", SlugBack = "-slug";
        Name = "name", NameBack = "-name";
        CreatedAt = "createdAt", CreatedAtBack = "-createdAt";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_has_its_other_end() {
        for pair in MemberSort::ALL.chunks(2) {
            assert_eq!(pair[1].as_str(), format!("-{}", pair[0]));
            assert_eq!(pair[0].is_by_time(), pair[1].is_by_time());
        }
        assert!(MemberSort::JoinedAt.is_by_time() && !MemberSort::Email.is_by_time());
        assert_eq!(OperationSort::default().as_str(), "-createdAt");
    }
}
