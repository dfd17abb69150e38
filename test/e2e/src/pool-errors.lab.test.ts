// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from './fixture.ts';

describe('a wrong ConfigMap', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ workers: 1 });
  });

  afterEach(async () => {
    await cluster.remove('web');
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it.each([
    ['a range that is no range', { 'range-global': 'banana' }, /range-global.*banana/],
    ['an empty pool', { 'range-global': '' }, /range-global/],
    ['no pool at all', {}, /pool/],
    ['a pool of the wrong family', { 'range-global': 'fd00:18::f0-fd00:18::ff' }, /IPv4/i],
  ])('%s: a Warning names the key, and repairing it gives the address', async (_, data, message) => {
    await cluster.setPools(data);
    await cluster.expose('web', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
    const warning = await cluster.warningAbout('web', message);
    expect(warning.type).toBe('Warning');
    await cluster.setPools({ 'range-global': '172.18.0.200-172.18.0.210' });
    await cluster.answers(await cluster.addressOf('web'));
  });

  it('an exhausted pool: a Warning says so, and the Service gets the address that becomes free', async () => {
    await cluster.setPools({ 'range-global': '172.18.0.230-172.18.0.230' });
    await cluster.expose('first', { ports: [{ name: 'http', port: 80, targetPort: 80 }] });
    const address = await cluster.addressOf('first');
    await cluster.expose('web');
    await cluster.warningAbout('web', /the only IPv4 address of range-global=.* is in use/);
    await cluster.remove('first');
    expect(await cluster.addressOf('web', 30_000)).toBe(address);
  });
});
