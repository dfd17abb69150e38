// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { EVENTS, LEASES, SERVICES } from '@fairlead/shared/kubernetes/resources.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';
import { MANIFESTS } from './install.ts';

/** A swap of the image and nothing else: the case study's DaemonSet, environment and role, kube-vip's timings. */
describe("the case study's DaemonSet under kube-vip's role", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 3, agentManifest: MANIFESTS.caseStudyAgent });
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

  function agentLog(node: string): readonly { readonly level: string; readonly msg: string }[] {
    return cluster.lab
      .podLogs()
      .filter((log) => log.node === node && log.pod.startsWith('kube-vip-ds'))
      .flatMap(({ file }) => readFileSync(file, 'utf8').split('\n'))
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { level: string; msg: string });
  }
});
