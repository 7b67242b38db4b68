"""People and groups over the control socket, for the tests and the simulation."""

from control import ControlError

PASSWORD = b'correct horse battery staple'


def refused(code, exit, run):
    """The error that `run` must end with."""
    try:
        answer = run()
    except ControlError as error:
        assert (error.code, error.exit) == (code, exit), error
        return error
    raise AssertionError(f'not refused: {answer}')


def make_user(daemon, name, password=PASSWORD, **params):
    return daemon.call('user.create', name=name, password=password, **params)['user']


def log_in(daemon, name, password=PASSWORD, **params):
    return daemon.call('login', name=name, password=password, **params)


def make_group(daemon, name, **params):
    result = daemon.call('group.create', name=name, wait=20, timeout=40, **params)
    assert result['stored'], result
    return result['group']


def group(daemon, name):
    return daemon.call('group.show', group=name)['group']


def members(daemon, name):
    return sorted(member['name'] for member in daemon.call('group.show', group=name)['members'])


def join_by_invite(owner, name, joiner, wait=30):
    invite = owner.call('group.invite', group=name)['invite']
    result = joiner.call('group.join', invite=invite, wait=wait, timeout=wait + 15)['group']
    assert result['standing'] == 'member', result
    return result


def make_circle(net, name, *people, **params):
    """A bootstrap node, and one daemon for each person; the first owns the group, the others have
    joined it by invite."""
    _, *daemons = net.star(*people)
    for person, daemon in zip(people, daemons):
        make_user(daemon, person)
    make_group(daemons[0], name, **params)
    for daemon in daemons[1:]:
        join_by_invite(daemons[0], name, daemon)
    return daemons


def upload(daemon, path, name, **params):
    return daemon.share(path, group=name, **params)['transfer']


def files(daemon, name):
    return {file['path']: file for file in daemon.call('group.files', group=name)['files']}


def wait_file(daemon, name, path, timeout=60.0):
    """Until the group's list has it, seen from there."""
    daemon.wait_until(lambda: path in files(daemon, name), timeout=timeout,
                      what=f'{path} in the list of {name}')
    return files(daemon, name)[path]


def download(daemon, name, path, timeout=120.0, **params):
    wait_file(daemon, name, path, timeout)
    return daemon.follow(start_download(daemon, name, path, **params), timeout=timeout)


def start_download(daemon, name, path, **params):
    """The id of the transfer."""
    params = {'dir': daemon.downloads, **params}
    return daemon.call('transfer.add', group=name, file=path, **params)['id']
