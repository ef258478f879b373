/** The text with the passwords of URLs in it replaced by `***`: in `scheme://user:password@`, and as a `password=` parameter. */
export function redactUrls(text: string): string {
  return text
    .replace(/([A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s:/?#@]*):[^\s]*@(?=[^\s@]*)/g, '$1:***@')
    .replace(/\b(password|passwd|pwd|sslpassword|secret|token)(\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&"']+)/gi, '$1$2***')
}
