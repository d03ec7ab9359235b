import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  distanceKm,
  type LastSeen,
  LOCATION_DEFAULTS,
  locationFacts,
  type Place,
  placeOf,
  seenAfter,
} from '../../../src/signals/core/location.js';

const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const PARIS = { lat: 48.8566, lon: 2.3522 };
const LONDON = { lat: 51.5074, lon: -0.1278 };
const KM_PER_DEGREE = (Math.PI * 6371.0088) / 180;

/** On the equator, so far east of 0°/10°. */
const eastBy = (km: number): Place => ({ lat: 0, lon: 10 + km / KM_PER_DEGREE });

/** The facts of a journey along the equator. */
function journey(km: number, elapsedMs: number, thresholds = LOCATION_DEFAULTS) {
  const last: LastSeen = { place: { ...eastBy(0), atMs: NOW_MS - elapsedMs } };
  return locationFacts(last, { place: eastBy(km) }, NOW_MS, thresholds);
}

const countryMove = (from: string, to: string, elapsedMs: number) =>
  locationFacts({ country: { code: from, atMs: NOW_MS - elapsedMs } }, { country: to }, NOW_MS);

const anywhere = fc.record({
  lat: fc.double({ min: -90, max: 90, noNaN: true }),
  lon: fc.double({ min: -180, max: 180, noNaN: true }),
});

describe('the distance between two places', () => {
  it.each([
    ['Paris and London', PARIS, LONDON, 343.56],
    ['Nashville and Los Angeles', { lat: 36.12, lon: -86.67 }, { lat: 33.94, lon: -118.4 }, 2886.45],
    ['the equator and a pole', { lat: 0, lon: 40 }, { lat: 90, lon: -100 }, 10_007.56],
    ['antipodes', { lat: 31.7, lon: 12.3 }, { lat: -31.7, lon: -167.7 }, 20_015.12],
    ['poles', { lat: 90, lon: 0 }, { lat: -90, lon: 77 }, 20_015.12],
    ['both sides of the date line', { lat: 0, lon: 179.5 }, { lat: 0, lon: -179.5 }, 111.2],
    ['180° west and 180° east', { lat: 12, lon: -180 }, { lat: 12, lon: 180 }, 0],
    ['a pole and itself under another longitude', { lat: -90, lon: 5 }, { lat: -90, lon: 95 }, 0],
  ])('of %s', (_, a, b, km) => {
    expect(distanceKm(a, b)).toBeCloseTo(km, 1);
  });

  it('is a number where rounding takes the haversine above 1', () => {
    const a = { lat: -49.16099402898076, lon: 23.544791601905274 };
    expect(distanceKm(a, { lat: 49.16099402876914, lon: -156.45520839809473 })).toBeCloseTo(20_015.12, 1);
  });

  it('is a number from 0 to half the globe, the same both ways, everywhere', () => {
    fc.assert(
      fc.property(anywhere, anywhere, (a, b) => {
        const km = distanceKm(a, b);
        expect(km).toBeGreaterThanOrEqual(0);
        expect(km).toBeLessThan(20_015.2);
        expect(distanceKm(b, a)).toBeCloseTo(km, 6);
        expect(distanceKm(a, { lat: -a.lat, lon: a.lon > 0 ? a.lon - 180 : a.lon + 180 })).toBeCloseTo(20_015.1, 0);
      }),
    );
  });
});

describe('a place', () => {
  it('is one within the globe, poles and date line included', () => {
    for (const place of [PARIS, { lat: 90, lon: 180 }, { lat: -90, lon: -180 }, { lat: 0, lon: 6.5 }]) {
      expect(placeOf(place)).toEqual(place);
    }
  });

  it('is none where it is missing, off the globe, no number, or the 0°/0° of a device that does not know', () => {
    for (const [lat, lon] of [
      [0, 0],
      [-0, 0],
      [90.01, 0],
      [0, -180.01],
      [Number.NaN, 5],
      [5, Number.NaN],
      [Number.POSITIVE_INFINITY, 5],
    ] as const) {
      expect(placeOf({ lat, lon })).toBeUndefined();
    }
    expect(placeOf(undefined)).toBeUndefined();
  });
});

describe('a journey', () => {
  it('is none under 50 km, however fast', () => {
    expect(journey(49.99, 1)).toEqual({ distanceKm: expect.closeTo(49.99, 6), impossible: false });
    expect(journey(50.01, MINUTE_MS).speedKmh).toBeCloseTo(50.01 * 60, 3);
  });

  it('takes a minute at least', () => {
    for (const elapsedMs of [0, 1, MINUTE_MS - 1, MINUTE_MS]) {
      expect(journey(60, elapsedMs).speedKmh).toBeCloseTo(3600, 6);
    }
    expect(journey(60, 2 * MINUTE_MS).speedKmh).toBeCloseTo(1800, 6);
  });

  it('is impossible only above 1,000 km/h and above 100 km', () => {
    expect(journey(99.9, MINUTE_MS).impossible).toBe(false);
    expect(journey(100.1, MINUTE_MS).impossible).toBe(true);
    expect(journey(999.9, HOUR_MS).impossible).toBe(false);
    expect(journey(1000.1, HOUR_MS).impossible).toBe(true);
    expect(journey(20_000, DAY_MS).impossible).toBe(false);
    expect(journey(20_000, 19 * HOUR_MS).impossible).toBe(true);
  });

  it('is as fast whichever end is told first', () => {
    expect(journey(2000, -HOUR_MS)).toEqual(journey(2000, HOUR_MS));
  });

  it('takes other thresholds', () => {
    const slow = { ...LOCATION_DEFAULTS, impossibleKmh: 300, journeyMinKm: 200 };
    expect(journey(350, HOUR_MS, slow).impossible).toBe(true);
    expect(journey(150, MINUTE_MS, slow).speedKmh).toBeUndefined();
  });

  it('is unknown without both ends', () => {
    expect(locationFacts(undefined, { place: PARIS, country: 'FR' }, NOW_MS)).toEqual({});
    expect(locationFacts({}, { place: PARIS, country: 'FR' }, NOW_MS)).toEqual({});
    expect(locationFacts(seenAfter(undefined, { place: PARIS, country: 'FR' }, NOW_MS), {}, NOW_MS)).toEqual({});
  });
});

describe('a country', () => {
  it('has changed when it is another than less than 24 hours ago', () => {
    expect(countryMove('FR', 'DE', 0)).toEqual({ countryChanged: true });
    expect(countryMove('FR', 'DE', DAY_MS - 1)).toEqual({ countryChanged: true });
    expect(countryMove('FR', 'DE', DAY_MS)).toEqual({});
    expect(countryMove('FR', 'FR', MINUTE_MS)).toEqual({ countryChanged: false });
  });
});

describe('where an account was last seen', () => {
  const last = seenAfter(undefined, { place: PARIS, country: 'FR' }, NOW_MS - HOUR_MS);

  it('is not forgotten by a request that does not say', () => {
    expect(seenAfter(last, {}, NOW_MS)).toEqual(last);
    expect(locationFacts(seenAfter(last, {}, NOW_MS), { place: { lat: 35.7, lon: 139.7 } }, NOW_MS).impossible).toBe(
      true,
    );
    expect(seenAfter(last, { country: 'GB' }, NOW_MS)).toEqual({
      place: last.place,
      country: { code: 'GB', atMs: NOW_MS },
    });
    expect(seenAfter(last, { place: LONDON }, NOW_MS).country).toEqual(last.country);
  });

  it('keeps places so coarsely that nobody is found by them, and near enough for a journey', () => {
    fc.assert(
      fc.property(anywhere, (place) => {
        const kept = seenAfter(undefined, { place }, NOW_MS).place!;
        expect(`${kept.lat} ${kept.lon}`).toMatch(/^-?\d+(\.\d)? -?\d+(\.\d)?$/);
        expect(distanceKm(place, kept)).toBeLessThan(8);
        expect(locationFacts({ place: kept }, { place }, NOW_MS)).not.toHaveProperty('speedKmh');
      }),
    );
  });
});
