"""What a node says of itself and of those it knows: kadpeer node table, find, status."""

import json
import re
import socket

import msgpack
from harness import test

REFUSALS = {
    'malformed', 'unknown_answers', 'other_network', 'not_served', 'unproven', 'impostors',
    'errors', 'renamed', 'crowded', 'crowded_keys', 'surplus_nodes', 'false_nodes', 'false_values', 'unsent',
    'unasked', 'paced', 'limited',
    'bad_tokens', 'bad_values', 'bad_signatures', 'over_quota', 'unchecked', 'too_far', 'older',
    'queue_dropped'}


def overlay_of(daemon):
    return daemon.call('node.status')['overlays'][0]


def send_datagrams(net, daemon, datagrams):
    """From an address of their own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((net.next_address(), 0))
        for data in datagrams:
            out.sendto(data, (daemon.address, daemon.port))


@test
def the_table_is_shown_by_buckets_and_nodes(net):
    _, *peers = net.star('one', 'two', 'three')
    for peer in peers:
        peer.wait_nodes(3)
    one = peers[0]
    shown = one.ok('node', 'table')
    own = overlay_of(one)['id']
    assert f'IPv4, id {own}: 3 nodes in 1 bucket, about 4 nodes in the network\n' in shown, shown
    row = next(line.split() for line in shown.splitlines() if ' 00-ff ' in line)
    assert row[:4] == ['0', '00-ff', '3/20', '0'], shown
    assert re.fullmatch(r'\d+/\d+/\d+', row[4]) and row[5] == 'ms', shown
    for other in peers[1:]:
        assert overlay_of(other)['id'] in shown and other.endpoint in shown, shown

    status, objects = one.json('node', 'table')
    assert status == 0, objects
    table = objects[0]['overlays'][0]
    bucket = table['buckets'][0]
    assert table['id'] == own and table['network_size'] == 4, table
    assert (bucket['first'], bucket['last']) == ('0' * 40, 'f' * 40), bucket
    assert (bucket['contacts'], bucket['capacity'], bucket['waiting']) == (3, 20, False), bucket
    assert bucket['refresh'] >= 0, bucket
    contacts = objects[0]['contacts']
    assert {contact['id'] for contact in contacts} >= {overlay_of(o)['id'] for o in peers[1:]}
    assert all(c['bucket'] == 0 and c['family'] == 4 and c['rtt'] > 0 for c in contacts), contacts


@test
def a_node_that_knows_nobody_says_what_to_do(net):
    alone = net.daemon('alone')
    result = alone.cli('node', 'table')
    assert result.exit == 0 and 'kadpeer join HOST:PORT' in result.err, result
    result = alone.cli('node', 'find', 'field notes.txt')
    assert result.exit == 6 and 'join HOST:PORT' in result.err, result


@test
def the_nearest_to_an_id_or_key_are_found(net):
    _, *peers = net.star('one', 'two', 'three')
    for peer in peers:
        peer.wait_nodes(3)
    one, two, _ = peers
    wanted = overlay_of(two)['id']
    result = one.cli('node', 'find', wanted)
    rows = [line.split() for line in result.out.splitlines()]
    assert result.exit == 0 and len(rows) == 4, result
    assert rows[1][:3] == [wanted, two.endpoint, '160'] and rows[1][-1] == 'ms', result
    assert f'nearest to {wanted}: 3 asked, 3 answered, ' in result.err, result

    targets = []
    for words in (['field notes.txt'], ['--key', 'field notes.txt'], ['--key', 'FIELD  Notes.txt']):
        status, objects = one.json('node', 'find', *words)
        assert status == 0, objects
        targets.append(objects[0]['target'])
        for node in objects[0]['nodes']:
            shared = 160 - (int(node['id'], 16) ^ int(targets[0], 16)).bit_length()
            assert node['common_bits'] == shared and node['rtt'] > 0 and node['hops'] >= 0, node
    assert len(set(targets)) == 1, targets

    mistyped = one.cli('node', 'find', wanted[:-1])
    assert mistyped.exit == 12 and '40 hexadecimal digits' in mistyped.err, mistyped
    cut_off = one.cli('node', 'find', wanted[:8])
    assert cut_off.exit == 12 and '40 hexadecimal digits' in cut_off.err, cut_off
    assert 'taken as a name' in one.cli('node', 'find', 'd671').err
    assert one.cli('node', 'find').exit == 2
    assert one.cli('node', 'find', wanted, '--key', 'x').exit == 2


@test
def what_is_refused_is_counted(net):
    peer = net.daemon('peer', config={'network.limit_local': 'yes'})
    assert set(overlay_of(peer)['refused']) == REFUSALS
    query = {'id': b'\x01' * 20, 'ro': True}
    send_datagrams(net, peer, [b'junk'] * 3)
    send_datagrams(net, peer, [msgpack.packb([1, 7, None, {'id': b'\x01' * 20}])] * 2)
    send_datagrams(net, peer, [msgpack.packb([0, 7, 'ping', [{**query, 'n': 99}]])])
    send_datagrams(net, peer, [msgpack.packb([0, n, 'ping', [query]]) for n in range(300)])
    counted = lambda name: overlay_of(peer)['refused'][name]  # noqa: E731
    peer.wait_until(lambda: counted('limited') > 0, what='limited')
    peer.wait_until(lambda: counted('malformed') == 3 and counted('unknown_answers') == 2 and
                    counted('other_network') == 1, what='all counted')
    shown = peer.ok('node', 'status')
    for text in ('malformed 3', 'unknown answers 2', 'other network 1'):
        assert text in shown, shown
    assert json.loads(peer.ok('--json', 'node', 'status'))['ok'] is True
