// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MEMBERS, Trio } from './trio.ts';

/** Where no API server is, and nobody says so: what a Pod is told before kube-proxy has done anything. */
const NOWHERE = '198.51.100.1';

/** The address of the control plane by a DaemonSet, while the cluster's own way to the API leads nowhere. */
describe('a control plane with a DaemonSet', () => {
  let trio: Trio;

  beforeAll(async () => {
    trio = await Trio.start({
      onlyMembers: true,
      daemonSet: { manifest: 'deploy/control-plane-daemonset.yaml', name: 'fairlead-control-plane' },
      env: { KUBERNETES_SERVICE_HOST: NOWHERE },
    });
  });

  afterAll(async () => {
    await trio.stop();
  });

  it('is found at its address, and goes on at the next node when that is cut off', async () => {
    const owner = await trio.settled();
    await trio.lab.partition(owner);
    try {
      await trio.serves();
    } finally {
      await trio.lab.heal(owner);
    }
    const next = await trio.settled();
    expect(MEMBERS).toContain(next);
    expect(next).not.toBe(owner);
  });
});
