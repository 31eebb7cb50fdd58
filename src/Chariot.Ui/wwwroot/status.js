// Dates of filters: the browser knows the viewer's time zone, the server does not.

/** The instant that a datetime-local field means, as ISO 8601 UTC; null when it is empty or no date. */
export function toUtc(local) {
  const time = local ? new Date(local) : null;
  return time && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}
