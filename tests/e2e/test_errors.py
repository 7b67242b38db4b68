"""The error table of cli-design.md, row by row, in text and in JSON."""

import os
import re
import socket

from harness import test
from torrentfile import make_info, write_torrent

MIB = 1 << 20


def fails(profile, status, *args, hint=None, **options):
    """The command must fail so, in the form of all errors; its text."""
    result = profile.cli(*args, **options)
    assert result.exit == status, (args, result)
    assert re.search(r'^kadpeer: .+', result.err, re.M), result.err
    if hint:
        assert re.search(rf'^hint: .*{hint}', result.err, re.M), result.err
    return result.err


def fails_in_json(profile, status, *args, **options):
    exit_status, lines = profile.json(*args, **options)
    assert exit_status == status, (args, lines)
    assert lines[-1]['ok'] is False and lines[-1]['error']['exit'] == status, lines
    return lines[-1]['error']


@test
def row_1_link_cut_by_the_shell_goes_on_with_the_hash(net):
    _, seed, peer = net.star('seed', 'peer')
    link = seed.share(net.make_file('notes.bin', MIB))['link']
    result = peer.cli('get', link.split('&')[0])
    assert result.exit == 0, result
    assert 'note: the link stops after the hash' in result.err, result.err


@test
def row_2_not_a_link_or_hash(net):
    one = net.daemon('one')
    text = fails(one, 12, 'get', '5f0c12', hint='kadpeer search 5f0c12')
    assert '"5f0c12"' in text and '40 hexadecimal digits' in text and 'has 6' in text, text
    assert fails_in_json(one, 12, 'get', '5f0c12')['code'] == 'bad_link'
    fails(one, 12, 'get', 'magnet:?xt=urn:btih:123')
    fails(one, 12, 'get', 'magnet:?dn=nothing')
    fails(one, 12, 'get', net.make_file('not-a.torrent', 1000))
    assert not one.transfers()


@test
def what_is_no_torrent_file_is_not_looked_for_as_a_name(net):
    one = net.daemon('one')
    for path in ('/dev/zero', net.root, net.path('none'), net.make_file('some', 1000), 'name:a/b'):
        text = fails(one, 12, 'get', path)
        assert 'no .torrent file' in text, text
    assert not one.transfers()


@test
def row_3_nobody_has_it(net):
    _, peer = net.star('peer')
    text = fails(peer, 3, 'get', '5f' * 20, '--wait', '2s', hint='kadpeer resume')
    assert re.search(r'no source for 5f5f.*: \d+ nodes? answered, none knows it, in ', text), text
    assert fails_in_json(peer, 3, 'get', 'ab' * 20, '--wait', '2s')['code'] == 'no_source'
    text = fails(peer, 3, 'get', 'name:no such name', '--wait', '2s')
    for verb in ('info', 'files', 'peers', 'pieces', 'pause', 'resume', 'rm', 'verify', 'unshare'):
        fails(peer, 3, verb, '99')


@test
def row_4_no_other_node(net):
    one = net.daemon('one')
    text = fails(one, 6, 'get', '5f' * 20, '--wait', '2s', hint='kadpeer join HOST:PORT')
    assert 'knows no other node: 0 saved, 0 configured' in text, text
    fails_in_json(one, 6, 'join', '127.0.0.1:1', '--wait', '2s')


@test
def get_says_what_it_waits_for_when_the_pieces_are_known(net):
    one = net.daemon('one')
    path = net.make_file('notes.bin', MIB)
    torrent = write_torrent(net.path('notes.torrent'), make_info(path))
    text = fails(one, 6, 'get', torrent, '-o', net.path('copy'), '--wait', '4s')
    assert re.search(r'^notes.bin +0%.* this node knows no other node yet$', text, re.M), text


@test
def row_5_port_taken(net):
    one = net.daemon('one')
    other = net.profile('other')
    text = fails(other, 6, 'daemon', '--port', one.port, '--bind', one.address)
    assert re.search(rf'cannot listen on (UDP|TCP) {one.port}: in use', text), text
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        address = net.next_address()
        holder.bind((address, 0))
        holder.listen()
        port = holder.getsockname()[1]
        text = fails(other, 6, 'daemon', '--port', port, '--bind', address)
        assert f'TCP {port}' in text, text
    assert not os.path.exists(other.socket)


@test
def row_6_daemon_absent_and_autostart_off(net):
    one = net.profile('one')
    text = fails(one, 5, 'ls', hint='kadpeer start')
    assert 'no daemon for profile default, and autostart is off' in text, text
    fails(one, 5, '--no-autostart', 'ls', autostart=True, hint='kadpeer start')
    assert fails_in_json(one, 5, 'ls')['exit'] == 5


@test
def wrong_usage_is_2_and_suggests(net):
    one = net.profile('one')
    assert 'share' in fails(one, 2, 'shear')
    fails(one, 2, 'get')
    fails(one, 2, 'ls', '--no-such-flag')
    fails(one, 2, 'get', 'x', '--wait', 'soon')


@test
def several_arguments_are_all_tried(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', MIB)
    shared = seed.share(path)
    result = peer.cli('get', shared['link'], '5f0c12')
    assert result.exit == 7, result
    assert os.path.exists(os.path.join(peer.downloads, 'notes.bin'))
    fails(peer, 12, 'get', '5f0c12', '5f0c13')


@test
def whole_command_has_a_timeout(net):
    _, peer = net.star('peer')
    fails(peer, 4, '--timeout', '1s', 'get', '5f' * 20)


@test
def share_of_nothing_is_named(net):
    one = net.daemon('one')
    result = one.cli('share', net.path('nothing here'))
    assert result.exit == 3 and 'nothing here' in result.err, result
    os.makedirs(net.path('empty folder'))
    assert one.cli('share', net.path('empty folder')).exit != 0
    assert not one.transfers()


@test
def bad_lines_of_the_bootstrap_list_are_named_with_their_number(net):
    boot = net.daemon('boot')
    peer = net.daemon('peer', bootstrap=['# a comment', '', 'no port here', boot, '1.2.3.4:99999'])
    peer.wait_event('joined')
    log = '\n'.join(peer.log_tail(200))
    assert re.search(r'bootstrap_nodes\.txt.*(line |:)3', log), log
    assert re.search(r'bootstrap_nodes\.txt.*(line |:)5', log), log


@test
def every_answer_in_json_is_one_value_a_line(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', MIB)
    torrent = write_torrent(net.path('n.torrent'), make_info(path))
    shared = seed.json('share', path)[1][-1]
    ident = shared['transfer']['id']
    assert seed.ok('-q', 'share', path).strip() == shared['link']
    for command in (['ls'], ['shares'], ['status'], ['info', ident], ['files', ident],
                    ['peers', ident], ['pieces', ident], ['pause', ident], ['resume', ident],
                    ['verify', ident], ['node', 'status'], ['node', 'table'], ['config', 'ls'],
                    ['node', 'ping', peer.endpoint], ['node', 'find', '5f' * 20], ['version'],
                    ['join', peer.endpoint], ['bootstrap', 'ls'], ['torrent', 'show', torrent],
                    ['torrent', 'link', torrent], ['torrent', 'verify', torrent, path],
                    ['search', 'notes', '--wait', '1s'], ['unshare', ident]):
        exit_status, lines = seed.json(*command)
        assert exit_status == 0 and lines, (command, exit_status, lines)
        assert all(line['v'] == 1 for line in lines), (command, lines)
        assert lines[-1]['ok'] is True, (command, lines)
