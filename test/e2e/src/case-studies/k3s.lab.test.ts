// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import { NODES } from '@fairlead/shared/kubernetes/resources.ts';
import { Lab } from '@fairlead/test-lab/lab.ts';
import { CLIENT, CONTROL_PLANE, hostByMac } from '@fairlead/test-lab/network/plan.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Console } from './console.ts';

/** The address chosen in the transcript. */
const VIP = '172.18.0.150';
const SERVERS = ['worker1', 'worker2', 'worker3'] as const;

/** docs/install-k3s.md, command by command; k3s itself is three API servers that are there when its installer is called. */
describe('the case study on k3s', () => {
  let lab: Lab;
  let client: KubeClient;
  let terminal: Console;

  beforeAll(async () => {
    lab = await Lab.start({ workers: SERVERS.length, certificateHosts: [VIP] });
    client = await connect({ kubeconfig: lab.kubeconfig });
    const label = (name: string, value: string | null) =>
      client.patch(
        NODES,
        { name },
        { metadata: { labels: { [LABEL.controlPlane]: value } } },
        { type: 'merge' },
      );
    for (const name of SERVERS) {
      await label(name, '');
      await lab.startApiServer(name);
    }
    // The data of all three are there; it is no server of k3s.
    await label(CONTROL_PLANE, null);
    const own = { '/var/lib': [], '/etc': ['passwd', 'group', 'hosts', 'nsswitch.conf', 'ssl/openssl.cnf'] };
    terminal = new Console({ lab, host: SERVERS[0], own });
  });

  afterAll(async () => {
    client?.close();
    await lab?.stop();
  });

  it('goes as it is written, step by step', { timeout: 240_000 }, async () => {
    await terminal.follow('k3s.console');
  });

  it('answers others while one client asks as often as it can', { timeout: 240_000 }, async () => {
    const kubeconfig = terminal.fileOf('/etc/rancher/k3s/k3s.yaml');
    const flood = lab.exec(CLIENT, ['ab', '-q', '-n', '1000', '-c', '100', `https://${VIP}:6443/readyz`], {
      timeoutMs: 120_000,
    });
    let over = false;
    const ended = flood.finally(() => {
      over = true;
    });
    const argv = ['kubectl', '--kubeconfig', kubeconfig, '--request-timeout=20s', 'get', 'nodes'];
    const answers: (number | undefined)[] = [];
    // At least once, and as long as it lasts.
    do answers.push((await lab.exec(CONTROL_PLANE, argv, { env: { HOME: lab.workDir } })).code);
    while (!over);
    const { code, stdout, stderr } = await ended;
    expect(code, stdout + stderr).toBe(0);
    expect(new Set(answers)).toEqual(new Set([0]));
    expect(stdout).toMatch(/^Complete requests: +1000$/m);
  });

  it('goes on at another server after an emergency stop', { timeout: 240_000 }, async () => {
    const kubeconfig = terminal.fileOf('/etc/rancher/k3s/k3s.yaml');
    const argv = ['kubectl', '--kubeconfig', kubeconfig, '--request-timeout=2s', 'get', 'nodes'];
    const env = { HOME: lab.workDir };
    const serves = async () => (await lab.exec(CLIENT, argv, { env })).code === 0;
    expect(await serves()).toBe(true);
    const observer = await lab.observeNeighbors({ addresses: [VIP] });
    const owner = await lab.waitFor(() => hostByMac(lab.plan, observer.ownerOf(VIP) ?? '')?.name, {
      what: `an owner of ${VIP}`,
      timeoutMs: 20_000,
    });
    await lab.kill(owner);
    await lab.waitFor(serves, { what: `kubectl to get through ${VIP} again`, timeoutMs: 60_000 });
    await observer.stop();
    const next = hostByMac(lab.plan, observer.ownerOf(VIP) ?? '')?.name;
    expect(SERVERS).toContain(next);
    expect(next).not.toBe(owner);
    expect(observer.judge({ address: VIP }).longestTwoOwnersMs).toBe(0);
  });
});
