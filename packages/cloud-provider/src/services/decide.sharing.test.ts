import { describe, expect, it } from 'vitest';
import { type Data, Stage, withPorts } from './testing/stage.ts';

describe('sharing', () => {
  const data: Data = { 'range-global': '10.0.0.1-10.0.0.2', 'allow-share-global': 'true' };
  const day = (n: number) => ({ createdAt: `2026-01-0${n}T00:00:00Z` });

  it('is written down with the ports, and joined by those that fit', () => {
    const stage = new Stage(data);
    expect(stage.add('a', { ports: ['TCP/80', 'UDP/53'], ...day(1) })).toBe('10.0.0.1 from global');
    expect(stage.get('a').metadata?.annotations?.['fairlead.io/shared-ports']).toBe('TCP/80,UDP/53');
    expect(stage.add('b', { ports: ['TCP/53'], ...day(2) })).toBe('10.0.0.1 from global');
    expect(stage.add('c', { ports: ['TCP/80'], ...day(3) })).toBe('10.0.0.2 from global');
    expect(stage.add('d', { ports: ['TCP/80'], ...day(4) })).toMatch(/^PoolExhausted: /);
  });

  it('ends for the one that edits its ports, not for the other', () => {
    const stage = new Stage(data);
    stage.add('a', { ports: ['TCP/80'], ...day(1) });
    stage.add('b', { ports: ['TCP/81'], ...day(2) });
    stage.edit('a', withPorts('TCP/81'));
    expect(stage.sync('b')).toBe('10.0.0.1 from global');
    expect(stage.sync('a')).toBe('10.0.0.2 from global');
    expect(stage.get('a').metadata?.annotations?.['fairlead.io/shared-ports']).toBe('TCP/81');
  });

  it('and it loses the address when there is no other', () => {
    const stage = new Stage({ ...data, 'range-global': '10.0.0.1-10.0.0.1' });
    stage.add('a', { ports: ['TCP/80'], ...day(1) });
    stage.add('b', { ports: ['TCP/81'], ...day(2) });
    stage.edit('a', withPorts('TCP/81'));
    expect(stage.sync('a')).toMatch(/^withdraw, PoolExhausted: /);
    expect(stage.sync('b')).toBe('10.0.0.1 from global');
  });

  it('of a request ends in a conflict', () => {
    const stage = new Stage(data);
    stage.add('a', { annotation: '10.0.0.1', ports: ['TCP/80'], ...day(1) });
    expect(stage.add('b', { annotation: '10.0.0.1', ports: ['TCP/81'], ...day(2) })).toBe(
      '10.0.0.1 from request',
    );
    stage.edit('b', withPorts('TCP/80'));
    expect(stage.sync('b')).toMatch(/^AddressConflict: .* belongs to Service default\/a, which cannot share/);
    expect(stage.sync('a')).toBe('10.0.0.1 from request');
    stage.edit('b', withPorts('TCP/82'));
    expect(stage.sync('b')).toBe('10.0.0.1 from request');
  });

  it('is remembered for one that was alone as soon as another joins', () => {
    const stage = new Stage({ 'range-global': '10.0.0.1-10.0.0.2' });
    stage.add('a', { ports: ['TCP/80'], ...day(1) });
    const ports = () => stage.get('a').metadata?.annotations?.['fairlead.io/shared-ports'];
    stage.pools(data).sync('a');
    expect(ports()).toBeUndefined();
    stage.add('b', { ports: ['TCP/81'], ...day(2) });
    stage.sync('a');
    expect(ports()).toBe('TCP/80');
  });

  it('ends when it is not allowed any more: the later one moves', () => {
    const stage = new Stage(data);
    stage.add('a', { ports: ['TCP/80'], ...day(1) });
    stage.add('b', { ports: ['TCP/81'], ...day(2) });
    stage.pools({ ...data, 'allow-share-global': 'false' });
    expect(stage.sync('a')).toBe('10.0.0.1 from global');
    expect(stage.sync('b')).toBe('10.0.0.2 from global');
  });

  it('under local traffic policy takes an equal selector, or our own data plane', () => {
    const local = (name: string) => ({ trafficPolicy: 'Local' as const, selector: { app: name } });
    const stage = new Stage(data);
    stage.add('a', { ports: ['TCP/80'], ...local('x'), ...day(1) });
    expect(stage.add('b', { ports: ['TCP/81'], ...local('x'), ...day(2) })).toBe('10.0.0.1 from global');
    expect(stage.add('c', { ports: ['TCP/82'], ...local('y'), ...day(3) })).toBe('10.0.0.2 from global');
    const own = new Stage({ ...data, 'data-plane': 'fairlead' });
    own.add('a', { ports: ['TCP/80'], ...local('x'), ...day(1) });
    expect(own.add('c', { ports: ['TCP/82'], ...local('y'), ...day(3) })).toBe('10.0.0.1 from global');
  });
});
