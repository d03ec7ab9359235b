/**
 * The location signal: could the member have come here from where the account was last seen?
 *
 * Great-circle distance by the haversine formula (R. W. Sinnott, “Virtues of the Haversine”, Sky & Telescope 68, 1984) on a
 * sphere of the Earth's mean radius, at most 0.6 % off the ellipsoid. Distances come from coordinates alone: an address
 * is good for a country, not for a place.
 */
import type { DecisionRequest } from '../../decision/core/decision.js';

/** Degrees, as WGS 84 and GeoJSON have them. */
export interface Place {
  lat: number;
  lon: number;
}

/**
 * Where an account was last seen. Place and country have times of their own: a request that names neither must not make
 * the one before it forgotten, or leaving a field out would switch the signal off. Personal data: sealed where it is kept.
 */
export interface LastSeen {
  place?: Place & { atMs: number };
  /** ISO 3166-1 alpha-2. */
  country?: { code: string; atMs: number };
}

/** What one request says of where the member is. */
export interface Whereabouts {
  place?: Place;
  country?: string;
}

export interface LocationFacts {
  distanceKm?: number;
  /** Absent where the two places are close together. */
  speedKmh?: number;
  impossible?: boolean;
  /** Absent where the last country is too long ago to tell anything. */
  countryChanged?: boolean;
}

export interface LocationThresholds {
  /** Shorter distances are no journey: a phone that has lost its satellites reports its cell tower, or the one before. */
  journeyMinKm: number;
  /** Less is taken for this: two requests of one second, 60 km of error apart, are no rocket. */
  elapsedMinMs: number;
  /** Beyond both a journey is impossible. Airliners cruise at 900 km/h, with a strong tailwind at a little over 1,000. */
  impossibleKmh: number;
  impossibleKm: number;
  /** In which another country is a change; later it is a holiday. */
  countryWithinMs: number;
}

export const LOCATION_DEFAULTS: LocationThresholds = {
  journeyMinKm: 50,
  elapsedMinMs: 60_000,
  impossibleKmh: 1000,
  impossibleKm: 100,
  countryWithinMs: 86_400_000,
};

const EARTH_RADIUS_KM = 6371.0088;
const HOUR_MS = 3_600_000;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Great-circle distance, 0 … 20,015 km. */
export function distanceKm(a: Place, b: Place): number {
  const lat = Math.sin(radians(b.lat - a.lat) / 2);
  const lon = Math.sin(radians(b.lon - a.lon) / 2);
  const haversine = lat * lat + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * lon * lon;
  // rounding passes 1 for antipodes, and asin would be NaN
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(Math.min(1, haversine)));
}

/** A place that is one: within the globe, and not 0°/0°, which is what many devices say for “unknown”. */
export function placeOf(location: DecisionRequest['location']): Place | undefined {
  if (!location) return undefined;
  const { lat, lon } = location;
  if (!(Math.abs(lat) <= 90 && Math.abs(lon) <= 180) || (lat === 0 && lon === 0)) return undefined;
  return { lat, lon };
}

/** What the move from where the account was last seen amounts to; a fact is absent where one of its ends is unknown. */
export function locationFacts(
  last: LastSeen | undefined,
  here: Whereabouts,
  nowMs: number,
  thresholds: LocationThresholds = LOCATION_DEFAULTS,
): LocationFacts {
  return {
    ...(last?.place && here.place && journeyFacts(last.place, here.place, nowMs, thresholds)),
    ...(last?.country && here.country && countryFacts(last.country, here.country, nowMs, thresholds)),
  };
}

function journeyFacts(last: Place & { atMs: number }, here: Place, nowMs: number, thresholds: LocationThresholds) {
  const km = distanceKm(last, here);
  if (km < thresholds.journeyMinKm) return { distanceKm: km, impossible: false };
  const speedKmh = km / (Math.max(thresholds.elapsedMinMs, elapsedMs(last.atMs, nowMs)) / HOUR_MS);
  return {
    distanceKm: km,
    speedKmh,
    impossible: km > thresholds.impossibleKm && speedKmh > thresholds.impossibleKmh,
  };
}

function countryFacts(last: { code: string; atMs: number }, here: string, nowMs: number, limits: LocationThresholds) {
  if (elapsedMs(last.atMs, nowMs) >= limits.countryWithinMs) return {};
  return { countryChanged: last.code !== here };
}

/** Without sign: a journey is as fast whichever end is told first, as when history is replayed out of order. */
const elapsedMs = (a: number, b: number): number => Math.abs(b - a);

const COARSE = 10;
const coarse = (degrees: number): number => Math.round(degrees * COARSE) / COARSE;

/**
 * Where the account was last seen once this request is believed. Places are kept to a tenth of a degree, at most 8 km off:
 * enough for journeys of 50 km, and no record of where a member lives.
 */
export function seenAfter(last: LastSeen | undefined, here: Whereabouts, nowMs: number): LastSeen {
  return {
    ...last,
    ...(here.place && { place: { lat: coarse(here.place.lat), lon: coarse(here.place.lon), atMs: nowMs } }),
    ...(here.country && { country: { code: here.country, atMs: nowMs } }),
  };
}
