// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { EVENTS, LEASES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';
import { MANIFESTS } from './install.ts';

const WORKERS = ['worker1', 'worker2', 'worker3'];

/** What an agent that wants the raft engine says where it may neither write Events nor read the group's key. */
const DEGRADED =
  /^Events are switched off|fairlead-group may not be read|^Leases decide who owns an address: 0 of \d agents can run raft/;

/** What an agent says to settings that nobody has, and to those that it does without. */
const TO_CHANGE = [
  /^no setting has this name.* Did you mean svc_election\? Change "- name: svc_elektion"$/,
  /^UPnP is not supported yet.* Take out "- name: enable_upnp" and its value/,
] as const;

/** A swap of the image and nothing else: the case study's DaemonSet, environment and role, kube-vip's timings. */
describe("the case study's DaemonSet under kube-vip's role", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: WORKERS.length, agentManifest: MANIFESTS.caseStudyAgent });
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.220,fd00:18::c8-fd00:18::d0' });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('runs, elects and announces on both families; without a right to Events it warns once', async () => {
    await cluster.expose('echo-app', { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
    const addresses = await cluster.addressesOf('echo-app', 2);
    const observer = await cluster.lab.observeNeighbors({ addresses });
    const owner = await cluster.commonOwner(observer, addresses);
    const ref = { namespace: 'default', name: 'kubevip-echo-app' };
    expect((await cluster.client.get(LEASES, ref)).spec).toMatchObject({
      holderIdentity: owner,
      leaseDurationSeconds: 15,
    });
    const service = await cluster.client.get(SERVICES, { namespace: 'default', name: 'echo-app' });
    expect(service.metadata?.annotations?.['kube-vip.io/vipHost']).toBe(owner);
    const metrics = await cluster.lab.exec(owner, ['curl', '-sf', 'http://127.0.0.1:2112/metrics']);
    expect(metrics.stdout).toMatch(/^kube_vip_is_leader.* 1$/m);

    // A second thing to tell, so that a second refusal could be logged.
    await cluster.remove('echo-app');
    await cluster.expose('echo-app');
    const [again = ''] = await cluster.addressesOf('echo-app', 1);
    observer.watch(again);
    await cluster.nextOwner(observer, again);
    await observer.stop();
    for (const address of [...addresses, again]) {
      expect(observer.judge({ address }).longestTwoOwnersMs).toBe(0);
    }
    const { items } = await cluster.client.list(EVENTS, { namespace: 'default' });
    expect(items.filter(({ source }) => source?.component === 'kube-vip')).toEqual([]);
    const refusals = (): number =>
      agentLog(owner).filter(({ level, msg }) => level === 'warn' && msg.startsWith('Events ')).length;
    await expect.poll(refusals, { timeout: 10_000 }).toBe(1);
    expect(agentLog(owner).filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  it('warns of nothing else, on any node', () => {
    for (const node of WORKERS) {
      const told = warnings(node);
      expect(told.length, told.join('\n')).toBeLessThanOrEqual(1);
      for (const message of told) expect(message).toMatch(/^Events are switched off/);
    }
  });

  it('keeps to Leases when asked for raft without a right to its key, and warns once of each thing to change', async () => {
    const settings = ['fairlead_engine=raft', 'svc_elektion=true', 'enable_upnp=true'];
    const args = ['set', 'env', '-n', 'kube-system', 'daemonset/kube-vip-ds', ...settings];
    await cluster.stage.kubectl(args);
    await cluster.agentsReady();
    await cluster.expose('asked-for-raft');
    const [address = ''] = await cluster.addressesOf('asked-for-raft', 1);
    const observer = await cluster.lab.observeNeighbors({ addresses: [address] });
    const owner = await cluster.nextOwner(observer, address);
    await observer.stop();
    const ref = { namespace: 'default', name: 'kubevip-asked-for-raft' };
    expect((await cluster.client.get(LEASES, ref)).spec?.holderIdentity).toBe(owner);
    for (const node of WORKERS) {
      await expect
        .poll(() => warnings(node).join('\n'), { timeout: 30_000 })
        .toMatch(/fairlead-group may not be read/);
      const told = warnings(node);
      expect(told.toSorted()).toEqual([...new Set(told)].toSorted());
      for (const pattern of TO_CHANGE) expect(told).toContainEqual(expect.stringMatching(pattern));
      const others = told.filter((message) => !TO_CHANGE.some((pattern) => pattern.test(message)));
      for (const message of others) expect(message).toMatch(DEGRADED);
    }
  });

  function warnings(node: string): readonly string[] {
    return agentLog(node)
      .filter(({ level }) => level !== 'info' && level !== 'debug')
      .map(({ msg }) => msg);
  }

  function agentLog(node: string): readonly { readonly level: string; readonly msg: string }[] {
    return cluster.lab
      .podLogs()
      .filter((log) => log.node === node && log.pod.startsWith('kube-vip-ds'))
      .flatMap(({ file }) => readFileSync(file, 'utf8').split('\n'))
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { level: string; msg: string });
  }
});
