import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Reads messages with schemas, one a line, as every consumer on Kafka Connect does, and writes what it has then: the message again, or
 * {"error"} where it cannot be read.
 */
public final class ReadBySchema {
  public static void main(String[] args) throws Exception {
    JsonConverter converter = new JsonConverter();
    converter.configure(Map.of("schemas.enable", "true"), false);
    ObjectMapper json = new ObjectMapper();
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      try {
        SchemaAndValue read = converter.toConnectData("topic", line.getBytes(StandardCharsets.UTF_8));
        out.println(new String(converter.fromConnectData("topic", read.schema(), read.value()), StandardCharsets.UTF_8));
      } catch (Exception error) {
        out.println(json.createObjectNode().put("error", String.valueOf(error)));
      }
    }
    out.flush();
  }
}
