use super::*;

fn visible(text: &str) -> (Vec<String>, bool) {
    let mut table = MountTable::EMPTY;
    let mut buffer = [0; MOUNT_POINT_MAX];
    for push in [MountTable::add, MountTable::choose] {
        for mount in text.lines().filter_map(|line| parse(line.as_bytes())) {
            let Some(point) = decode(mount.point, &mut buffer) else {
                continue;
            };
            let policy = match mount.kind {
                b"proc" => StatfsPolicy::Skip,
                b"nfs4" => StatfsPolicy::SkipBlocking,
                _ if point.ends_with(b"named") => StatfsPolicy::CallNamed,
                _ => StatfsPolicy::Call,
            };
            push(&mut table, &mount, point, policy);
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut found = Vec::new();
    while let Some(mount) = table.next_chosen() {
        found.push(format!("{} {}", text(mount.point), text(mount.kind)));
    }
    (found, table.is_full())
}

#[test]
fn octal_escapes_are_decoded() {
    let line = "36 35 98:0 / /a\\040b\\134\\011c\\012\\0x rw master:1 shared:2 - ext4 /dev/x rw";
    assert_eq!(visible(line).0, ["/a b\\\tc\n\\0x ext4"]);
    assert_eq!(
        visible("1 2 3:4 / /a\\400\\04 rw - ext4 x rw").0,
        ["/a\\400\\04 ext4"]
    );
}

#[test]
fn each_file_system_is_visible_once_at_its_first_reachable_point() {
    let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                2 1 8:1 /home /srv rw - ext4 /dev/sda1 rw\n\
                3 1 8:2 / /mnt rw - ext4 /dev/sda2 rw\n\
                4 3 8:3 / /mnt rw - vfat /dev/sda3 rw\n\
                5 1 8:2 / /again rw - ext4 /dev/sda2 rw\n\
                6 1 8:4 / /x rw - ext4 /dev/sda4 rw\n\
                7 6 0:5 / /x rw - proc proc rw\n";
    assert_eq!(visible(text).0, ["/ ext4", "/mnt vfat", "/again ext4"]);
}

#[test]
fn volume_is_named_by_its_root_and_not_by_a_file_of_a_container() {
    let text = "100 50 8:1 /rootfs / rw - ext4 /dev/sda1 rw\n\
                103 100 8:2 /x/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda2 rw\n\
                104 100 8:3 /y/hosts /etc/hosts rw - ext4 /dev/sda3 rw\n\
                105 100 8:4 /z/resolv.conf /etc/other.conf rw - ext4 /dev/sda4 rw\n\
                106 100 8:2 / /data rw - ext4 /dev/sda2 rw\n\
                107 100 8:1 / /host rw - ext4 /dev/sda1 rw\n\
                108 100 8:4 /volumes/v/_data /var/data rw - ext4 /dev/sda4 rw\n\
                109 100 8:5 / /all rw - ext4 /dev/sda5 rw\n\
                110 100 8:5 /part /is/named rw - ext4 /dev/sda5 rw\n";
    assert_eq!(
        visible(text).0,
        [
            "/ ext4",
            "/etc/hosts ext4",
            "/data ext4",
            "/var/data ext4",
            "/is/named ext4"
        ]
    );
}

#[test]
fn block_device_is_recognised_by_number_or_source() {
    let is_on_block_device = |line: &str| parse(line.as_bytes()).unwrap().is_on_block_device;
    assert!(is_on_block_device("1 0 8:1 / / rw - ufsd none rw"));
    assert!(is_on_block_device("1 0 0:45 / / rw - simfs /dev/simfs rw"));
    assert!(!is_on_block_device("1 0 0:45 / / rw - tmpfs none rw"));
    assert!(!is_on_block_device("1 0 0:45 / / rw - tmpfs  rw"));
}

/// The lines are in no order of mounting: the tree of mounts decides.
#[test]
fn mount_hides_others_that_are_not_mounted_on_it() {
    let text = "1 0 0:2 / / rw - rootfs rootfs rw\n\
                2 5 8:2 / /on rw - ext4 /dev/sda2 rw\n\
                3 1 8:3 / /under/it rw - ext4 /dev/sda3 rw\n\
                4 3 8:4 / /under/it/deep rw - ext4 /dev/sda4 rw\n\
                5 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                6 5 0:6 / /under rw - tmpfs none rw\n\
                7 6 8:7 / /under/new rw - ext4 /dev/sda7 rw\n\
                8 5 8:8 / /underneath rw - ext4 /dev/sda8 rw\n";
    let expected = [
        "/on ext4",
        "/ ext4",
        "/under tmpfs",
        "/under/new ext4",
        "/underneath ext4",
    ];
    assert_eq!(visible(text).0, expected);
}

#[test]
fn visible_mount_is_found_after_any_number_of_hidden_ones() {
    let line = |id: u32| format!("{id} 1 8:2 / /old/{id} rw - ext4 /dev/sda2 rw\n");
    let hidden: String = (2..300).map(line).collect();
    let text = format!(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n{hidden}\
         400 1 8:2 / /new rw - ext4 /dev/sda2 rw\n\
         401 1 0:9 / /old rw - tmpfs none rw\n"
    );
    assert_eq!(
        visible(&text),
        (
            vec!["/ ext4".into(), "/new ext4".into(), "/old tmpfs".into()],
            false
        )
    );
}

/// Below an unknown mount there may be one that blocks.
#[test]
fn no_mount_is_hidden_when_not_all_mounts_are_known() {
    let pseudo = |id: usize| format!("{id} 1 0:{id} / /proc/{id} rw - proc x rw\n");
    let many: String = (10..10 + NODES_MAX - 1).map(pseudo).collect();
    let text = format!(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n{many}\
         5000 1 8:2 / /late rw - ext4 /dev/x rw\n\
         5001 1 8:3 / /proc rw - ext4 /dev/x rw\n\
         5002 4999 8:4 / /lost rw - ext4 /dev/x rw\n\
         5003 4999 8:5 / /lost/named rw - ext4 /dev/x rw\n"
    );
    assert_eq!(
        visible(&text).0,
        ["/ ext4", "/late ext4", "/proc ext4", "/lost/named ext4"]
    );
}

#[test]
fn mount_below_a_blocking_one_is_skipped_unless_named() {
    let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                2 1 0:9 / /nas rw - nfs4 host:/ rw\n\
                3 2 8:3 / /nas/local rw - vfat /dev/sda3 rw\n\
                4 3 8:4 / /nas/local/deep rw - vfat /dev/sda4 rw\n\
                5 2 8:5 / /nas/named rw - vfat /dev/sda5 rw\n";
    assert_eq!(visible(text).0, ["/ ext4", "/nas/named vfat"]);
}

#[test]
fn lines_of_no_mount_are_rejected() {
    for bad in [
        "",
        "36 35 98:0 /root /mnt rw",
        "36 35 98:0 /root /mnt rw -",
        "36 35 98 /root /mnt rw - ext4",
        "36 35 x:0 / /mnt rw - ext4 x rw",
    ] {
        assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn first_mounts_are_kept_when_the_table_is_full() {
    let line = |number: usize, point: &str| format!("{number} 1 7:{number} / {point} rw - ext4 x rw\n");
    let many = |count| (1..=count).map(|number| line(number, &format!("/m{number}")));
    let (found, is_full) = visible(&many(CANDIDATES_MAX).collect::<String>());
    assert_eq!((found.len(), is_full), (CANDIDATES_MAX, false));
    let (found, is_full) = visible(&many(CANDIDATES_MAX + 1).collect::<String>());
    assert_eq!((found.len(), is_full), (CANDIDATES_MAX, true));
    assert_eq!(found[63], "/m64 ext4");
    let long = format!("/{}", "long".repeat(250));
    let text: String = (1..=5)
        .map(|number| line(number, &format!("{long}{number}")))
        .collect();
    let (found, is_full) = visible(&text);
    assert_eq!((found.len(), is_full), (4, true));
    // A mount point too long for a path cannot be asked, and uses no space.
    let (found, is_full) = visible(&(line(1, &long.repeat(2)) + &line(2, "/short")));
    assert_eq!((found, is_full), (vec!["/short ext4".into()], false));
}
