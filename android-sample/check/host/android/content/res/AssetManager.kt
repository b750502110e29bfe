// For checking only, never shipped: an app's assets as a folder of this machine.
package android.content.res

import java.io.File
import java.io.InputStream

class AssetManager(private val folder: File) {
    internal fun file(name: String) = File(folder, name)

    fun open(name: String): InputStream = file(name).inputStream()
}
