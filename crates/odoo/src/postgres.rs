//! A sound configuration of PostgreSQL for a server that runs Odoo beside it.

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// The arguments of `postgres` for a server's memory in bytes and its cores.
///
/// PostgreSQL shares the machine with the instances it serves, so it takes half of what a machine of its own would
/// give it.
pub fn arguments(memory_bytes: u64, cores: u32) -> Vec<String> {
    let cores = cores.max(1);
    // An instance of two workers holds about ten connections.
    let connections = (50 * memory_bytes / GIB).clamp(100, 800);
    let megabytes = |bytes: u64| format!("{}MB", bytes / MIB);
    let settings = [
        (
            "shared_buffers",
            megabytes((memory_bytes / 8).clamp(128 * MIB, 8 * GIB)),
        ),
        (
            "effective_cache_size",
            megabytes((memory_bytes / 2).max(256 * MIB)),
        ),
        (
            "maintenance_work_mem",
            megabytes((memory_bytes / 32).clamp(64 * MIB, GIB)),
        ),
        (
            "work_mem",
            megabytes((memory_bytes / 4 / connections).clamp(4 * MIB, 64 * MIB)),
        ),
        ("max_connections", connections.to_string()),
        ("max_worker_processes", cores.max(8).to_string()),
        ("max_parallel_workers", cores.to_string()),
        ("max_parallel_workers_per_gather", (cores / 2).min(4).to_string()),
        (
            "max_parallel_maintenance_workers",
            (cores / 2).clamp(1, 4).to_string(),
        ),
        // Solid-state disks: a random page costs little more than the next one.
        ("random_page_cost", "1.1".to_owned()),
        ("effective_io_concurrency", "200".to_owned()),
        // Fewer and smoother checkpoints, and smaller full-page images.
        ("min_wal_size", "256MB".to_owned()),
        ("max_wal_size", "2GB".to_owned()),
        ("wal_compression", "on".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        // Odoo updates the same rows often: clean up before tables bloat.
        ("autovacuum_vacuum_scale_factor", "0.05".to_owned()),
        ("autovacuum_analyze_scale_factor", "0.02".to_owned()),
        // Odoo's queries are short and plentiful: compiling them costs more than it gains.
        ("jit", "off".to_owned()),
        // Statements hold passwords (`create role`), and Odoo logs its own that fail.
        ("log_min_error_statement", "panic".to_owned()),
        // A client that is gone gives its connection back within minutes, not hours.
        ("tcp_keepalives_idle", "60".to_owned()),
        ("tcp_keepalives_interval", "10".to_owned()),
        ("tcp_keepalives_count", "6".to_owned()),
    ];
    settings
        .into_iter()
        .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(arguments: &[String], name: &str) -> String {
        let prefix = format!("{name}=");
        arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(&prefix))
            .unwrap()
            .to_owned()
    }

    #[test]
    fn eight_gibibytes_and_four_cores() {
        insta::assert_snapshot!(arguments(8 * GIB, 4).join(" ").replace("-c ", "\n"), @r#"
        shared_buffers=1024MB 
        effective_cache_size=4096MB 
        maintenance_work_mem=256MB 
        work_mem=5MB 
        max_connections=400 
        max_worker_processes=8 
        max_parallel_workers=4 
        max_parallel_workers_per_gather=2 
        max_parallel_maintenance_workers=2 
        random_page_cost=1.1 
        effective_io_concurrency=200 
        min_wal_size=256MB 
        max_wal_size=2GB 
        wal_compression=on 
        checkpoint_timeout=15min 
        autovacuum_vacuum_scale_factor=0.05 
        autovacuum_analyze_scale_factor=0.02 
        jit=off 
        log_min_error_statement=panic 
        tcp_keepalives_idle=60 
        tcp_keepalives_interval=10 
        tcp_keepalives_count=6
        "#);
    }

    #[test]
    fn extremes_stay_sound() {
        let small = arguments(512 * MIB, 0);
        assert_eq!(setting(&small, "shared_buffers"), "128MB");
        assert_eq!(setting(&small, "max_connections"), "100");
        assert_eq!(setting(&small, "work_mem"), "4MB");
        let large = arguments(1024 * GIB, 128);
        assert_eq!(setting(&large, "shared_buffers"), "8192MB");
        assert_eq!(setting(&large, "max_connections"), "800");
        assert_eq!(setting(&large, "work_mem"), "64MB");
    }
}
