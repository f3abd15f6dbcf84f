// Command oracle does to a tenant what the agent does, and says in one JSON document how it fared.
//
//	oracle [-seconds 12] HOST
//
// It is the agent's Go: net/http with its own resolver (built without cgo), its own TLS, the system's trust store as Go
// reads it, and the proxy that the environment gives. Every step is a request of its own on a new connection: by name,
// as the agent asks, and, where no proxy is in between, at each address that the name has. Requests by name and at an
// address are begun a moment apart, so that they are many connections and no burst; large ones go one after the other,
// so that none slows down another. After -seconds none is begun any more; those that are have the time they would have.
//
// A step is ok where the agent would take it for done: an answer below 400 in time. Whether the payload arrived, only
// the receiver knows: each request carries an id in X-Delivery, which the lab's receiver writes into its log.
//
// The key is STS_API_KEY or, without it, ORACLE_KEY.
package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// The agent's limits.
const (
	dialLimit      = 30 * time.Second
	handshakeLimit = 10 * time.Second
	requestLimit   = 20 * time.Second
)

const (
	base      = "/receiver/stsAgent"
	apart     = 40 * time.Millisecond
	smallSize = 700
	largeSize = 2_500_000
	readMost  = 1 << 20
)

// A call is one of the requests that the agent's parts make.
type call struct {
	name     string
	method   string
	path     string
	kind     string // Content-Type
	encoding string // Content-Encoding
	inQuery  bool   // the key travels in ?api_key= too
	login    bool   // the key travels in Authorization
	agent    string // User-Agent, if it is not Go's own
	offersH2 bool   // the part uses Go's default transport, which offers HTTP/2
	size     int
}

const (
	inJSON     = "application/json"
	inProtobuf = "application/x-protobuf"
	promtail   = "promtail/3.6.11"
)

var small = []call{
	{name: "features", method: "GET", path: "/features", inQuery: true},
	{name: "intake", method: "POST", path: "/intake", kind: inJSON, encoding: "deflate", inQuery: true, size: smallSize},
	{name: "series", method: "POST", path: "/api/v1/series", kind: inJSON, encoding: "zstd", inQuery: true, size: smallSize},
	{name: "collector", method: "POST", path: "/api/v1/collector", kind: inProtobuf, size: smallSize},
	{name: "connections", method: "POST", path: "/api/v1/connections", kind: inProtobuf, size: smallSize},
	{name: "logs", method: "POST", path: "/logs/k8s", kind: inProtobuf, agent: promtail, offersH2: true, size: smallSize},
	{name: "rbac-features", method: "GET", path: "/features", login: true, offersH2: true},
	{name: "rbac", method: "POST", path: "/rbac/scope", kind: inJSON, login: true, offersH2: true, size: smallSize},
	{name: "intake-again", method: "POST", path: "/intake", kind: inJSON, encoding: "deflate", inQuery: true, size: smallSize},
}

var large = call{name: "large", method: "POST", path: "/intake", kind: inJSON, encoding: "deflate", inQuery: true, size: largeSize}

// A step is what came of one call.
type step struct {
	Step    string  `json:"step"`
	At      string  `json:"at"` // "name", or the address that was dialled
	ID      string  `json:"id"`
	OK      bool    `json:"ok"`
	Status  int     `json:"status"`
	Reached string  `json:"reached"` // how far it came: nothing, tcp, tls, answer
	Error   string  `json:"error"`
	Seconds float64 `json:"seconds"`
}

type resolution struct {
	OK        bool     `json:"ok"`
	Addresses []string `json:"addresses"`
	Error     string   `json:"error"`
	Seconds   float64  `json:"seconds"`
}

type document struct {
	Go         string      `json:"go"`
	Host       string      `json:"host"`
	Proxy      string      `json:"proxy"` // host and port; empty where the tenant is reached directly
	ProxyError string      `json:"proxy_error"`
	Resolve    *resolution `json:"resolve"` // none behind a proxy, which resolves by itself
	Steps      []step      `json:"steps"`
	NotTried   []string    `json:"not_tried"` // the time was up before
	Seconds    float64     `json:"seconds"`
}

type client struct {
	host  string
	key   string
	begin time.Time // begin nothing after it

	mutex   sync.Mutex
	steps   []step
	pending map[string]bool
	count   int
}

func main() {
	most := flag.Float64("seconds", 12, "begin nothing after so many seconds")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: oracle [-seconds N] HOST")
		os.Exit(2)
	}
	begun := time.Now()
	c := &client{host: flag.Arg(0), key: os.Getenv("STS_API_KEY"), pending: map[string]bool{}}
	if c.key == "" {
		c.key = os.Getenv("ORACLE_KEY")
	}
	found := document{Go: runtime.Version(), Host: c.host}
	request, _ := http.NewRequest("GET", "https://"+c.host+base, nil)
	proxy, err := http.ProxyFromEnvironment(request)
	if err != nil {
		found.ProxyError = err.Error()
	}
	if proxy != nil {
		found.Proxy = proxy.Host
	}
	c.begin = begun.Add(time.Duration(*most * float64(time.Second)))
	ctx := context.Background()
	found.Resolve = c.all(ctx, proxy == nil && err == nil)
	found.Steps, found.NotTried = c.steps, []string{}
	for name := range c.pending {
		found.NotTried = append(found.NotTried, name)
	}
	found.Seconds = seconds(begun)
	_ = json.NewEncoder(os.Stdout).Encode(found)
}

// all takes all steps. The resolution is nil where a proxy resolves the name.
func (c *client) all(ctx context.Context, direct bool) *resolution {
	var wait sync.WaitGroup
	byName := make(chan struct{})
	c.expect("name")
	go func() {
		c.smallOnes(ctx, "name")
		close(byName)
	}()
	var resolved *resolution
	addresses := []string{}
	if direct {
		resolved = c.resolve(ctx)
		addresses = resolved.Addresses
	}
	for _, address := range addresses {
		c.expect(address)
	}
	for _, address := range addresses {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c.smallOnes(ctx, address)
		}()
	}
	select {
	case <-byName:
	case <-time.After(3 * time.Second):
	}
	for _, at := range append([]string{"name"}, addresses...) {
		c.do(ctx, large, at)
	}
	wait.Wait()
	<-byName
	return resolved
}

// expect notes the steps that are going to be taken there.
func (c *client) expect(at string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, each := range append([]call{large}, small...) {
		c.pending[each.name+" at "+at] = true
	}
}

func (c *client) resolve(ctx context.Context) *resolution {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", c.host)
	result := &resolution{OK: err == nil, Addresses: []string{}, Seconds: seconds(begun)}
	if err != nil {
		result.Error = err.Error()
	}
	for _, address := range found {
		result.Addresses = append(result.Addresses, address.Unmap().String())
	}
	return result
}

// smallOnes makes the small calls, each begun a moment after the one before.
func (c *client) smallOnes(ctx context.Context, at string) {
	var wait sync.WaitGroup
	for _, each := range small {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c.do(ctx, each, at)
		}()
		time.Sleep(apart)
	}
	wait.Wait()
}

// do makes one call on a connection of its own and writes down what came of it, unless the time is up.
func (c *client) do(ctx context.Context, each call, at string) {
	if time.Now().After(c.begin) {
		return
	}
	c.mutex.Lock()
	c.count++
	result := step{Step: each.name, At: at, ID: fmt.Sprintf("%s-%d", each.name, c.count), Reached: "nothing"}
	c.mutex.Unlock()
	begun := time.Now()
	status, err := c.ask(ctx, each, at, result.ID, &result)
	result.Status, result.Seconds = status, seconds(begun)
	if err != nil {
		result.Error = c.said(err)
	} else {
		result.OK = status < 400 || (each.method == "GET" && status == http.StatusNotFound)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.steps = append(c.steps, result)
	delete(c.pending, each.name+" at "+at)
}

func (c *client) ask(ctx context.Context, each call, at, id string, result *step) (int, error) {
	transport := c.transport(each.offersH2, at)
	defer transport.CloseIdleConnections()
	target := "https://" + c.host + base + each.path
	if each.inQuery {
		target += "?api_key=" + url.QueryEscape(c.key)
	}
	reached := func(how string) {
		c.mutex.Lock()
		result.Reached = how
		c.mutex.Unlock()
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				reached("tcp")
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				reached("tls")
			}
		},
		GotFirstResponseByte: func() { reached("answer") },
	})
	var body io.Reader
	if each.method == "POST" {
		body = bytes.NewReader(payload(each))
	}
	request, err := http.NewRequestWithContext(ctx, each.method, target, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("X-Delivery", id)
	if each.login {
		request.Header.Set("Authorization", "ApiKey "+c.key)
	} else {
		request.Header.Set("sts-api-key", c.key)
	}
	if each.agent != "" {
		request.Header.Set("User-Agent", each.agent)
	}
	if each.kind != "" {
		request.Header.Set("Content-Type", each.kind)
	}
	if each.encoding != "" {
		request.Header.Set("Content-Encoding", each.encoding)
	}
	answer, err := (&http.Client{Transport: transport, Timeout: requestLimit}).Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, readMost))
	if err == nil && each.method == "GET" && answer.StatusCode == http.StatusOK {
		var features map[string]any
		if json.Unmarshal(text, &features) != nil {
			err = errors.New("the features are no JSON object")
		}
	}
	return answer.StatusCode, err
}

// transport is that of the main agent (HTTP/1.1, no Happy Eyeballs) or, where HTTP/2 is offered, Go's default one.
func (c *client) transport(offersH2 bool, at string) *http.Transport {
	dialer := &net.Dialer{Timeout: dialLimit, KeepAlive: 30 * time.Second}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSHandshakeTimeout = handshakeLimit
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if !offersH2 {
		dialer.FallbackDelay = -1
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if at != "name" && address == net.JoinHostPort(c.host, "443") {
			address = netip.AddrPortFrom(netip.MustParseAddr(at), 443).String()
		}
		return dialer.DialContext(ctx, network, address)
	}
	return transport
}

// payload is a body as the call's part makes it, of a content that is new each time and cannot be compressed.
func payload(each call) []byte {
	text := make([]byte, each.size)
	for i := range text {
		text[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"[rand.IntN(64)]
	}
	document := []byte(`{"internalHostname":"oracle","events":{},"metrics":[],"topologies":[],"fill":"` + string(text) + `"}`)
	switch {
	case each.agent == promtail:
		return snappy(text)
	case each.kind == inProtobuf:
		return append([]byte{3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, text...)
	case each.encoding == "zstd":
		return zstd(document)
	case each.encoding == "deflate":
		var packed bytes.Buffer
		writer, _ := zlib.NewWriterLevel(&packed, zlib.NoCompression)
		_, _ = writer.Write(document)
		_ = writer.Close()
		return packed.Bytes()
	}
	return document
}

// snappy is a block with one literal of 257 to 65,536 bytes.
func snappy(data []byte) []byte {
	block := binary.AppendUvarint(nil, uint64(len(data)))
	block = binary.LittleEndian.AppendUint16(append(block, 61<<2), uint16(len(data)-1))
	return append(block, data...)
}

// zstd is a frame with one block, not compressed, of 256 to 65,791 bytes.
func zstd(data []byte) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x60}
	frame = binary.LittleEndian.AppendUint16(frame, uint16(len(data)-256))
	head := uint32(len(data))<<3 | 1
	return append(append(frame, byte(head), byte(head>>8), byte(head>>16)), data...)
}

// said is an error without the request's URL, which holds the key.
func (c *client) said(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	text := err.Error()
	if c.key != "" {
		text = strings.ReplaceAll(text, c.key, "(key)")
	}
	return text
}

func seconds(since time.Time) float64 {
	return float64(time.Since(since).Milliseconds()) / 1000
}
