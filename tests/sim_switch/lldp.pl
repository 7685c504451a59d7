# Says on each port who the switch is and which port it is (LLDP, IEEE 802.1AB), every second.
# Called as `perl lldp.pl NAME PORT...`. There is no `use`: Perl's modules are not on this switch.
my ($name, @ports) = @ARGV;
my ($group, $packet, $raw, $lldp) = ("\x01\x80\xc2\x00\x00\x0e", 17, 3, 0x88cc);    # packet(7)
my ($chassis_is_mac, $port_is_name, $lives_s) = (4, 5, 120);

sub told { open(my $file, '<', "/sys/class/net/$_[0]") or die "$_[0]: $!"; chomp(my $line = <$file>); $line }
sub tlv { pack('n', $_[0] << 9 | length $_[1]) . $_[1] }

socket(my $out, $packet, $raw, 0) or die "socket: $!";
for (;;) {
    for my $port (@ports) {
        my ($own, $chassis) = map { pack('H*', told("$_/address") =~ tr/://dr) } $port, 'br0';
        my $says = tlv(1, chr($chassis_is_mac) . $chassis) . tlv(2, chr($port_is_name) . $port)
            . tlv(3, pack('n', $lives_s)) . tlv(5, $name) . tlv(0, '');
        my $to = pack('SniSCCa8', $packet, $lldp, told("$port/ifindex"), 0, 0, 6, $group);
        send($out, $group . $own . pack('n', $lldp) . $says, 0, $to);    # a port that is down sends nothing
    }
    sleep 1;
}
