//! The resource limits, as they are documented and as Docker has them.

use serde_json::{Value, json};

use crate::installation::Installation;

/// Processors and MiB of memory: at most, and reserved.
const DOCUMENTED: [(&str, [f64; 4]); 3] = [
    ("backend", [4.0, 4096.0, 1.0, 1024.0]),
    ("frontend", [2.0, 2048.0, 0.5, 512.0]),
    ("postgres", [4.0, 8192.0, 1.0, 2048.0]),
];
const MIB: f64 = 1024.0 * 1024.0;

#[test]
fn the_file_says_what_is_documented() {
    let installation = Installation::set_up();
    // Without what `ocore setup` found out about this machine.
    for service in ["BACKEND", "FRONTEND", "POSTGRES"] {
        installation.add(&format!(
            "{service}_CPUS=\n{service}_MEMORY=\n{service}_MEMORY_RESERVED=\n"
        ));
    }
    let text = installation.do_compose(&["config", "--format", "json"]);
    let config: Value = serde_json::from_str(&text).unwrap();
    for (service, documented) in DOCUMENTED {
        let resources = &config["services"][service]["deploy"]["resources"];
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let [cpus, memory, reserved_cpus, reserved_memory] = documented;
        let (limits, reservations) = (&resources["limits"], &resources["reservations"]);
        assert_eq!(number(&limits["cpus"]), Some(cpus), "{service}: {resources}");
        assert_eq!(
            number(&limits["memory"]),
            Some(memory * MIB),
            "{service}: {resources}"
        );
        assert_eq!(
            number(&reservations["cpus"]),
            Some(reserved_cpus),
            "{service}: {resources}"
        );
        assert_eq!(
            number(&reservations["memory"]),
            Some(reserved_memory * MIB),
            "{service}: {resources}"
        );
    }
}

/// What Docker has of the containers of an installation that runs: the documented limits, or what this machine has where
/// that is less; and nothing that a container could do more than its work with.
pub(crate) fn assert_held(installation: &Installation) {
    let cores = std::thread::available_parallelism().unwrap().get();
    let cores = f64::from(u32::try_from(cores).unwrap());
    for (service, [cpus, memory, reserved_cpus, reserved_memory]) in DOCUMENTED {
        let known = installation.inspect(service);
        let host = &known["HostConfig"];
        let own = |name: &str, documented: f64| {
            let name = format!("{}_{name}=", service.to_uppercase());
            let text = std::fs::read_to_string(installation.dir().join(".env")).unwrap();
            let smaller = text.lines().find_map(|line| line.strip_prefix(&name));
            let smaller = smaller.map(|value| value.trim_end_matches('M').parse::<f64>().unwrap());
            smaller.unwrap_or(documented)
        };
        assert_eq!(
            host["NanoCpus"].as_f64(),
            Some(cpus.min(cores) * 1e9),
            "{service}"
        );
        assert_eq!(
            host["Memory"].as_f64(),
            Some(own("MEMORY", memory) * MIB),
            "{service}"
        );
        assert_eq!(
            host["MemoryReservation"].as_f64(),
            Some(own("MEMORY_RESERVED", reserved_memory) * MIB),
            "{service}"
        );
        assert_eq!(
            host["CpuShares"].as_f64(),
            Some(reserved_cpus * 1024.0),
            "{service}"
        );
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        assert_eq!(host["CapDrop"], json!(["ALL"]), "{service}");
        assert_eq!(
            host["SecurityOpt"],
            json!(["no-new-privileges:true"]),
            "{service}"
        );
        assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped", "{service}");
        assert_eq!(host["LogConfig"]["Config"]["max-size"], "20m", "{service}");
        assert_eq!(known["State"]["Health"]["Status"], "healthy", "{service}");
        if service != "postgres" {
            assert_eq!(known["Config"]["User"], "10001:10001", "{service}");
            assert!(host["CapAdd"].is_null(), "{service}");
        }
    }
}
