// SPDX-License-Identifier: Apache-2.0
/** Every verb on hosts, proven by frames and processes, never by the lab's own word. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NeighborObserver, TcpProber } from '../observer/observers.ts';
import { longestSuccessGap } from '../observer/tcp-judge.ts';
import { LabProcess } from '../process/lab-process.ts';
import { commandLine, listProcesses, readProcess } from '../process/proc.ts';
import { run } from '../process/run.ts';
import { waitFor } from '../wait.ts';
import { LabNetwork } from './lab-network.ts';

let network: LabNetwork;

beforeAll(async () => {
  network = await LabNetwork.start({ workers: 2 });
});

afterAll(async () => {
  await network.stop();
});

/** Whether a host answers a ping of another one; both families share one fate. */
async function answers(target: string, from: string, patienceSeconds: number): Promise<boolean> {
  const addresses =
    { worker1: ['172.18.0.3', 'fd00:18::3'], worker2: ['172.18.0.4', 'fd00:18::4'] }[target] ?? [];
  const ping = (address: string) => ['ping', '-c', '1', '-W', String(patienceSeconds), address];
  const codes = await Promise.all(
    addresses.map(async (address) => (await network.exec(from, ping(address))).code),
  );
  expect(new Set(codes).size).toBe(1);
  return codes[0] === 0;
}

/** After a cut a host asks for its neighbour once a second, so a good answer may take that long. */
const reaches = async (target: string, from = 'client') => expect(await answers(target, from, 5)).toBe(true);
const cannotReach = async (target: string, from = 'client') =>
  expect(await answers(target, from, 1)).toBe(false);

const linkState = async (host: string) =>
  (await network.exec(host, ['ip', '-brief', 'link', 'show', 'eth0'])).stdout.split(/\s+/)[1];

/** Frames that reach a host while it is asked for by the client: counted by its own interface. */
async function receivedPackets(host: string): Promise<number> {
  const { stdout } = await network.exec(host, ['ip', '-json', '-stats', 'link', 'show', 'eth0']);
  const [link] = JSON.parse(stdout) as [{ stats64: { rx: { packets: number } } }];
  return link.stats64.rx.packets;
}

describe('the network', () => {
  it('connects all hosts in both families, without waiting for duplicate detection', async () => {
    await reaches('worker1');
    await reaches('worker2', 'worker1');
    const { stdout } = await network.exec('worker1', ['ip', '-6', 'addr', 'show', 'tentative']);
    expect(stdout).toBe('');
  });

  it('routes between the pods of different nodes', async () => {
    const onNode = (host: string, argv: string[]) => network.exec(host, argv);
    await onNode('worker1', ['ip', 'addr', 'add', '10.244.1.9/32', 'dev', 'lo']);
    await onNode('worker2', ['ip', 'addr', 'add', '10.244.2.9/32', 'dev', 'lo']);
    await onNode('worker2', ['ip', 'addr', 'add', 'fd00:10:244:2::9/128', 'dev', 'lo']);
    const ping = await onNode('worker1', ['ping', '-c', '1', '-W', '1', '-I', '10.244.1.9', '10.244.2.9']);
    expect(ping.code).toBe(0);
    expect((await onNode('worker1', ['ping', '-c', '1', '-W', '1', 'fd00:10:244:2::9'])).code).toBe(0);
  });

  it('refuses a second lab in the same namespaces, and unknown hosts', async () => {
    await expect(LabNetwork.start({ workers: 1 })).rejects.toThrow('another lab runs in these namespaces');
    await expect(network.kill('worker9')).rejects.toThrow('no host "worker9"');
  });
});

describe('partition', () => {
  it('drops silently in the switch while the link stays up, and heals', async () => {
    await network.partition('worker1');
    await cannotReach('worker1');
    expect(await linkState('worker1')).toBe('UP');
    await network.partition('worker1'); // idempotent
    await network.heal('worker1');
    await reaches('worker1');
    await network.heal('worker1');
  });

  it('cuts one way only when asked: "in" lets nothing through to the host', async () => {
    await network.partition('worker1', 'in');
    const before = await receivedPackets('worker1');
    await cannotReach('worker1');
    expect(await receivedPackets('worker1')).toBe(before);
    await network.heal('worker1');
  });

  it('cuts one way only when asked: "out" lets the host hear but not speak', async () => {
    await network.partition('worker1', 'out');
    const before = await receivedPackets('worker1');
    await cannotReach('worker1');
    expect(await receivedPackets('worker1')).toBeGreaterThan(before);
    await network.heal('worker1');
    await reaches('worker1');
  });

  it('keeps two cut-off hosts apart from each other too, and heals them one by one', async () => {
    await network.partition('worker1');
    await network.partition('worker2');
    await cannotReach('worker2', 'worker1');
    await network.heal('worker1');
    await reaches('worker1');
    await cannotReach('worker2');
    await network.heal('worker2');
    await reaches('worker2');
  });
});

describe('separate', () => {
  it('keeps two sets of hosts apart, while both reach the rest', async () => {
    await network.separate(['worker1'], ['worker2']);
    await cannotReach('worker2', 'worker1');
    await cannotReach('worker1', 'worker2');
    await reaches('worker1');
    await reaches('worker2');
    await network.reunite();
    await reaches('worker2', 'worker1');
  });
});

describe('unplug', () => {
  it('takes the carrier away, and plug gives it back', async () => {
    await network.unplug('worker1');
    expect(await linkState('worker1')).toBe('DOWN');
    await cannotReach('worker1');
    await network.plug('worker1');
    expect(await linkState('worker1')).toBe('UP');
    await reaches('worker1');
  });
});

describe('freeze', () => {
  it('stops all processes of the host and of its pods, while its kernel still answers', async () => {
    await run(['ip', 'netns', 'add', 'worker1-some-pod']);
    const onHost = network.spawn('worker1', ['sleep', '1000']);
    const inPod = network.spawn('worker1', ['nsenter', '--net=/run/netns/worker1-some-pod', 'sleep', '1000']);
    const elsewhere = network.spawn('worker2', ['sleep', '1000']);
    const stateOf = (pid: number | undefined) => readProcess(pid ?? 0)?.state;
    await waitFor(() => network.processes('worker1').length === 2, { what: 'both programs' });
    await network.freeze('worker1');
    expect([stateOf(onHost.pid), stateOf(inPod.pid), stateOf(elsewhere.pid)]).toEqual(['T', 'T', 'S']);
    await reaches('worker1');
    await network.thaw('worker1');
    // Asleep again, or still on the way there: anything but stopped.
    for (const { pid } of [onHost, inPod]) expect(['S', 'R']).toContain(stateOf(pid));
    elsewhere.kill();
  });
});

describe('kill', () => {
  it('ends everything on the host, also what is frozen, without a goodbye on the wire', async () => {
    const server = network.spawn('worker1', [
      process.execPath,
      '-e',
      "require('net').createServer((s) => s.on('error', () => {})).listen(80, () => console.log('up'))",
    ]);
    await server.waitForLine((line) => line === 'up');
    const peer = network.spawn('client', [
      process.execPath,
      '-e',
      "require('net').connect(80, '172.18.0.3', () => console.log('open')).on('close', () => console.log('closed')).on('error', () => {})",
    ]);
    await peer.waitForLine((line) => line === 'open');
    await network.freeze('worker1');
    const entry = await network.kill('worker1');
    expect((await server.exited).signal).toBe('SIGKILL');
    expect(network.processes('worker1')).toEqual([]);
    await cannotReach('worker1');
    expect(peer.stdout).not.toContain('closed');
    expect(entry).toMatchObject({ verb: 'kill', subject: 'worker1' });
    expect(entry.doneMs).toBeGreaterThanOrEqual(entry.startedMs);
    await network.kill('worker1'); // idempotent
    expect(() => network.spawn('worker1', ['true'])).toThrow('powered off');
    peer.kill();
  });

  it('is undone by a reboot, with a fresh network stack and without the old pods', async () => {
    let booted = 0;
    await network.reboot('worker1', async () => {
      booted += 1;
    });
    expect(booted).toBe(1);
    await reaches('worker1');
    expect((await network.exec('worker1', ['ip', 'addr', 'show', 'lo'])).stdout).not.toContain('10.244.1.9');
    expect(readdirSync('/run/netns')).not.toContain('worker1-some-pod');
  });
});

describe('observers', () => {
  it('measure an outage and a second owner on another host', { timeout: 30_000 }, async () => {
    const vip = '172.18.0.200';
    await network.exec('worker1', ['ip', 'addr', 'add', `${vip}/32`, 'dev', 'lo']);
    await network.exec('worker1', ['ip', 'addr', 'add', 'fd00:18::c8/128', 'dev', 'eth0', 'nodad']);
    const server = network.spawn('worker1', [
      process.execPath,
      '-e',
      "require('http').createServer((q, r) => r.end('pod=here\\n')).listen(80, () => console.log('up'))",
    ]);
    await server.waitForLine((line) => line === 'up');
    const observer = await NeighborObserver.start(network, { addresses: [vip, 'fd00:18::c8'] });
    const prober = await TcpProber.start(network, { target: `${vip}:80`, timeoutMs: 300 });
    await waitFor(() => prober.samples.length > 5 && observer.ownerOf('fd00:18::c8'), {
      what: 'steady service',
    });
    expect(observer.ownerOf(vip)).toBe('02:fa:1e:00:00:03');

    const cut = await network.partition('worker1');
    await waitFor(() => prober.samples.some((sample) => !sample.ok), { what: 'a failed connection' });
    const healed = await network.heal('worker1');
    await waitFor(() => prober.samples.at(-1)?.ok, { what: 'a good connection' });
    const outageMs = healed.startedMs - cut.doneMs;
    const allowedZero = [{ fromMs: cut.startedMs - 100, toMs: healed.doneMs + 200 }];
    for (const address of [vip, 'fd00:18::c8']) {
      // A question counts as unanswered only when the time for its answer is over: the verdict follows the wire later.
      const verdict = await waitFor(
        () => {
          const now = observer.judge({ address, allowedZero });
          return now.longestZeroOwnersMs >= outageMs - 50 ? now : undefined;
        },
        { what: `an outage of ${address} of about ${outageMs} ms in the record` },
      );
      expect(verdict.violations).toEqual([]);
      expect(observer.judge({ address }).violations).toHaveLength(1);
    }
    expect(longestSuccessGap(prober.samples)?.gapMs).toBeGreaterThanOrEqual(outageMs - 50);

    await network.exec('worker2', ['ip', 'addr', 'add', `${vip}/32`, 'dev', 'lo']);
    await waitFor(() => observer.judge({ address: vip }).longestTwoOwnersMs > 100, { what: 'two owners' });
    await network.exec('worker1', ['ip', 'addr', 'del', `${vip}/32`, 'dev', 'lo']);
    await waitFor(() => observer.judge({ address: vip }).changes.at(-1)?.to === '02:fa:1e:00:00:04', {
      what: 'the second owner alone',
    });
    const events = await observer.stop();
    expect(events.at(-1)).toMatchObject({ kind: 'summary' });
    expect(observer.judge({ address: vip, allowedZero }).probesPerSecond).toBeGreaterThan(20);
    const samples = await prober.stop();
    expect(samples.filter((sample) => sample.ok).every((sample) => sample.pod === 'here')).toBe(true);
  });

  it('leave the neighbour cache of the client alone', async () => {
    await network.exec('client', ['ip', 'neigh', 'flush', 'all']);
    const observer = await NeighborObserver.start(network, { addresses: ['172.18.0.3'] });
    await waitFor(() => observer.ownerOf('172.18.0.3'), { what: 'an answer' });
    await observer.stop();
    expect((await network.exec('client', ['ip', 'neigh', 'show', '172.18.0.3'])).stdout).toBe('');
  });

  it('count a fixed number of connections', async () => {
    const prober = await TcpProber.start(network, { target: '172.18.0.3:81', count: 20, concurrency: 4 });
    const samples = await prober.finished();
    expect(samples).toHaveLength(20);
    expect(new Set(samples.map((sample) => sample.error))).toEqual(new Set(['ECONNREFUSED']));
  });
});

describe('a predecessor that was killed', () => {
  it('is swept away by the next start: processes, namespaces, switch', async () => {
    await network.stop();
    const module = fileURLToPath(new URL('./lab-network.ts', import.meta.url));
    const predecessor = new LabProcess([
      process.execPath,
      '--input-type=module-typescript',
      '--eval',
      `const { LabNetwork } = await import(${JSON.stringify(module)});
       const network = await LabNetwork.start({ workers: 3 });
       network.spawn('worker3', ['sleep', '4324.25']);
       console.log('up');`,
    ]);
    await predecessor.waitForLine((line) => line === 'up');
    predecessor.kill('SIGKILL');
    await predecessor.exited;
    const orphans = () => listProcesses().filter((info) => commandLine(info.pid) === 'sleep 4324.25');
    await waitFor(() => orphans().length === 1, { what: 'the orphan' });
    network = await LabNetwork.start({ workers: 2 });
    expect(orphans()).toEqual([]);
    expect(readdirSync('/run/netns').sort()).toEqual(['client', 'control-plane', 'worker1', 'worker2']);
    await reaches('worker1');
  });
});

describe('stop', () => {
  it('leaves no process and no namespace, and a new lab can start', async () => {
    const program = network.spawn('worker2', ['sh', '-c', 'trap "" TERM; echo up; sleep 1000 & wait']);
    await program.waitForLine((line) => line === 'up');
    const newcomer = network.spawn('worker2', ['sleep', '1000']);
    await network.stop();
    expect((await newcomer.exited).signal).toBe('SIGKILL');
    expect((await program.exited).signal).toBe('SIGKILL');
    expect(readdirSync('/run/netns')).toEqual([]);
    expect((await run(['ip', '-brief', 'link'])).stdout).not.toMatch(/br0|p-/);
    expect((await run(['nft', 'list', 'tables'])).stdout).not.toContain('fairlead-lab');
    network = await LabNetwork.start({ workers: 1, ipv6: false });
    expect((await network.exec('client', ['ping', '-c', '1', '-W', '1', '172.18.0.3'])).code).toBe(0);
    expect((await network.exec('client', ['ip', '-6', 'addr'])).stdout).toBe('');
  });
});
