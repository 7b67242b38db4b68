"""Flags of share and get, with real daemons."""

import json

from harness import test


@test
def a_link_is_drawn_for_a_camera_on_stderr(net):
    peer = net.daemon('peer')
    path = net.make_file('notes.pdf', 5000)
    shared = peer.cli('share', '--no-announce', path, '--qr')
    rows = [line for line in shared.err.splitlines() if '█' in line]
    assert shared.exit == 0 and len(rows) > 15, shared
    assert len({len(row) for row in rows}) == 1 and 25 <= len(rows[0]) <= 80, shared.err
    assert all(row[:2] == row[-2:] == '██' for row in rows[:-1]), shared.err
    assert not set('█▀▄') & set(shared.out) and shared.out.startswith('sharing  notes.pdf'), shared
    quiet = peer.cli('-q', 'share', '--no-announce', path, '--qr')
    assert quiet.out.count('\n') == 1 and '█' in quiet.err, quiet
    as_json = peer.cli('--json', 'share', '--no-announce', path, '--qr')
    assert '█' not in as_json.err and json.loads(as_json.out)['ok'], as_json


@test
def a_link_too_long_to_draw_is_drawn_without_its_name(net):
    peer = net.daemon('peer')
    long = peer.cli('share', net.make_file('ü' * 120, 5000), '--qr', '--no-announce')
    assert long.exit == 0 and '█' in long.err, long
    assert 'with its name the link is too long for a QR code of 80 columns' in long.err, long
    narrow = peer.cli('share', net.make_file('notes.pdf', 5000), '--qr', '--no-announce', env={'COLUMNS': '30'})
    assert narrow.exit == 0 and '█' not in narrow.err, narrow
    assert 'no QR code: it would be ' in narrow.err and 'there are 30' in narrow.err, narrow
